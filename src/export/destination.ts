import { closeSync, constants, fsync, openSync, realpathSync, renameSync, statSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { promisify } from 'node:util';
import { createBreather } from '../core/breathe.ts';
import { syncDirectory, temporaryNameFor, unlinkIfThere, writeAll } from '../host/atomic-file.ts';
import { cannotWriteTo, invalidOutput } from './errors.ts';

/** Where relative names start and what `-` is. */
export interface DestinationDeps {
  readonly cwd: string;
  readonly stdout: NodeJS.WritableStream;
}

const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
/** As for any file a user makes: the umask takes away from it. */
const PUBLIC_FILE = 0o666;
const STANDARD_OUTPUT = 'standard output';
const fsyncAsync = promisify(fsync);

/**
 * Writes a stream to the file that `dest` names, or to standard output for `-`. A file is written
 * beside the old one, synced and renamed, so there is a whole one or none; only pipes and devices are
 * written to in place. Returns how many bytes there were.
 * @throws BuildError EXPORT_WRITE, or OUTPUT_INVALID when it would go to a terminal
 */
export async function writeArchive(
  dest: string,
  stream: AsyncIterable<Uint8Array>,
  { cwd, stdout }: DestinationDeps,
  signal: AbortSignal,
): Promise<number> {
  if (dest === '-') return writeToStream(stdout, stream, signal);
  const path = existingTarget(resolve(cwd, dest), dest);
  if (path.isSpecial) return writeInPlace(path.path, stream, signal);
  const temporary = temporaryNameFor(path.path);
  try {
    const bytes = await writeFile(temporary, dest, stream, signal);
    signal.throwIfAborted();
    writing(dest, () => {
      renameSync(temporary, path.path);
      syncDirectory(dirname(path.path));
    });
    return bytes;
  } catch (cause) {
    unlinkIfThere(temporary);
    throw cause;
  }
}

/** The file itself where `dest` is a link to one, so that the link stays. */
function existingTarget(path: string, dest: string): { path: string; isSpecial: boolean } {
  const stat = writing(dest, () => statSync(path, { throwIfNoEntry: false }));
  if (stat === undefined) return { path, isSpecial: false };
  if (stat.isDirectory()) {
    throw cannotWriteTo(dest, undefined, `destination file "${dest}" is a directory`);
  }
  return stat.isFile() ? { path: realpathSync(path), isSpecial: false } : { path, isSpecial: true };
}

async function writeInPlace(
  path: string,
  stream: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<number> {
  const { createWriteStream } = await import('node:fs');
  const file = createWriteStream(path, { flags: 'w' });
  try {
    return await writeToStream(file, stream, signal, path);
  } finally {
    file.destroy();
  }
}

async function writeFile(
  path: string,
  dest: string,
  stream: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<number> {
  const flags = O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW;
  const fd = writing(dest, () => openSync(path, flags, PUBLIC_FILE));
  try {
    const breather = createBreather(signal);
    let bytes = 0;
    for await (const chunk of stream) {
      signal.throwIfAborted();
      writing(dest, () => writeAll(fd, chunk));
      bytes += chunk.length;
      if (breather.isDue()) await breather.breathe();
    }
    await fsyncAsync(fd).catch((cause: unknown) => {
      throw cannotWriteTo(dest, cause);
    });
    return bytes;
  } finally {
    closeSync(fd);
  }
}

async function writeToStream(
  out: NodeJS.WritableStream,
  stream: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
  name = STANDARD_OUTPUT,
): Promise<number> {
  if ('isTTY' in out && out.isTTY === true) {
    throw invalidOutput(
      '-',
      'dest file is required, refusing to write to console',
      'Add dest= and a file name, or redirect standard output.',
    );
  }
  let bytes = 0;
  // A closed pipe is also told to the listeners of `error`; without one it would end the process.
  const ignore = (): undefined => undefined;
  out.on('error', ignore);
  try {
    for await (const chunk of stream) {
      signal.throwIfAborted();
      await writeChunk(out, chunk, signal, name);
      bytes += chunk.length;
    }
    return bytes;
  } finally {
    out.off('error', ignore);
  }
}

/** Waits until the chunk was taken: the next one may come in the same buffer. */
function writeChunk(
  out: NodeJS.WritableStream,
  chunk: Uint8Array,
  signal: AbortSignal,
  name: string,
): Promise<void> {
  return new Promise((resolveWrite, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    signal.addEventListener('abort', onAbort, { once: true });
    out.write(chunk, (error) => {
      signal.removeEventListener('abort', onAbort);
      if (error) reject(cannotWriteTo(name, error));
      else resolveWrite();
    });
  });
}

/** Runs calls on the destination's own files: their errors are about it, not about the source. */
function writing<T>(dest: string, write: () => T): T {
  try {
    return write();
  } catch (cause) {
    throw cannotWriteTo(dest, cause);
  }
}
