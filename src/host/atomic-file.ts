import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  openSync,
  readSync,
  renameSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { randomHex } from '../core/random-name.ts';
import { BuildError } from '../diagnostics/build-error.ts';
import { diskError } from './disk-error.ts';

const { O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_WRONLY } = constants;

/** Mode of files that only their owner may read. */
const PRIVATE_FILE = 0o600;

/**
 * Replaces the file at `path` whole: whoever reads it sees the old bytes or the new ones, also after a
 * crash or power loss. The directory must be there. Mode is 0600 unless `mode` says otherwise.
 * @throws BuildError FILE_WRITE
 */
export function writeFileAtomic(
  path: string,
  bytes: Uint8Array | string,
  mode: number = PRIVATE_FILE,
): void {
  const temporary = temporaryNameFor(path);
  try {
    const fd = openSync(temporary, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
    try {
      writeAll(fd, typeof bytes === 'string' ? Buffer.from(bytes) : bytes);
      fsyncSync(fd);
    } finally {
      closeSync(fd);
    }
    renameSync(temporary, path);
    syncDirectory(dirname(path));
  } catch (cause) {
    unlinkIfThere(temporary);
    throw fileWrite(path, cause);
  }
}

/**
 * The bytes of a regular file, or undefined when there is none. Never waits on a pipe or a device.
 * @throws BuildError FILE_READ when it is not a regular file or is larger than `maxBytes`.
 */
export function readFileCapped(path: string, maxBytes: number): Buffer | undefined {
  let fd: number;
  try {
    fd = openSync(path, O_RDONLY | O_NONBLOCK);
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return undefined;
    throw fileRead(path, reasonOf(cause), cause);
  }
  try {
    return readOpenFile(fd, path, maxBytes);
  } finally {
    closeSync(fd);
  }
}

function readOpenFile(fd: number, path: string, maxBytes: number): Buffer {
  const stat = fstatSync(fd);
  if (!stat.isFile()) throw fileRead(path, 'it is not a regular file');
  if (stat.size > maxBytes) throw tooLarge(path, maxBytes);
  // One byte more than promised, so that a file that grows meanwhile is seen to do so.
  const buffer = Buffer.allocUnsafe(stat.size + 1);
  let length = 0;
  while (length < buffer.length) {
    const read = readSync(fd, buffer, length, buffer.length - length, null);
    if (read === 0) break;
    length += read;
  }
  if (length > stat.size) throw fileRead(path, 'it changed while it was read');
  return buffer.subarray(0, length);
}

/**
 * Writes all of `bytes`, at the current place or at byte `position` of the file; one `write` call may take
 * less than it was given.
 */
export function writeAll(fd: number, bytes: Uint8Array, position?: number): void {
  let offset = 0;
  while (offset < bytes.length) {
    const at = position === undefined ? null : position + offset;
    offset += writeSync(fd, bytes, offset, bytes.length - offset, at);
  }
}

/** Makes names that were added to, renamed in or removed from a directory durable. */
export function syncDirectory(path: string): void {
  const fd = openSync(path, O_RDONLY | O_DIRECTORY);
  try {
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** A free name in the same directory, for a file that is renamed to `path` when it is whole. */
export function temporaryNameFor(path: string): string {
  return join(dirname(path), `.${basename(path)}.${randomHex(16)}.tmp`);
}

/** The errno name (`ENOENT`) of an error from `node:fs`, or undefined. */
export function errnoOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string'
    ? error.code
    : undefined;
}

/** Removes a file; one that is gone already, or cannot be removed, is left to the next sweep. */
export function unlinkIfThere(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // The failure that led here matters more than the rest it leaves.
  }
}

function reasonOf(cause: unknown): string {
  return errnoOf(cause) ?? (cause instanceof Error ? cause.message : String(cause));
}

/**
 * A file of ours could not be written. Names the path and the system's reason: FILE_WRITE, or DISK_FULL
 * and DISK_FAILED where that is the disk.
 */
export function fileWrite(path: string, cause: unknown): BuildError {
  const disk = diskError(path, cause);
  if (disk !== undefined) return disk;
  const reason = reasonOf(cause);
  return new BuildError({
    code: 'FILE_WRITE',
    class: 'host',
    message: `Cannot write "${path}": ${REASONS[reason] ?? reason}`,
    cause,
  });
}

function fileRead(path: string, found: string, cause?: unknown): BuildError {
  return new BuildError({
    code: 'FILE_READ',
    class: 'host',
    message: `Cannot read "${path}": ${REASONS[found] ?? found}`,
    cause,
  });
}

function tooLarge(path: string, maxBytes: number): BuildError {
  return fileRead(path, `it is larger than ${maxBytes} bytes`);
}

const REASONS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied (EACCES)',
  ENOENT: 'the directory does not exist (ENOENT)',
  EISDIR: 'it is a directory (EISDIR)',
};
