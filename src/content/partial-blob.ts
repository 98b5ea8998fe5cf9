import { createHash, type Hash } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  openSync,
  readdirSync,
  readSync,
} from 'node:fs';
import { join } from 'node:path';
import { createBreather } from '../core/breathe.ts';
import { hexOf, type Digest } from '../core/digest.ts';
import { finishDigest } from '../core/sha256.ts';
import { fileWrite, unlinkIfThere, writeAll } from '../host/atomic-file.ts';
import { earlyWriteback } from '../host/early-writeback.ts';
import { flock, hasCode } from '../host/sys.ts';
import { blobDigestMismatch, blobSizeMismatch } from './errors.ts';
import type { GrowingFile } from './growing-blob.ts';
import type { ExpectedBytes } from './verified-stream.ts';

const { O_CREAT, O_NOFOLLOW, O_RDWR } = constants;
const PRIVATE_FILE = 0o600;
const READ_BYTES = 1024 * 1024;
const PREFIX = 'partial-';

/** A blob that has come in part, or whole. Closing it keeps what is there. */
export interface PartialBlob {
  readonly path: string;
  readonly fd: number;
}

/** The bytes of a blob from `offset` on. */
export type OpenAt = (offset: number) => Promise<AsyncIterable<Uint8Array>>;

/**
 * Opens what an interrupted download left of a blob, or an empty file. Undefined when another process
 * writes to it at this moment. @throws BuildError FILE_WRITE
 */
export function openPartial(temporaryDir: string, digest: Digest): PartialBlob | undefined {
  const path = join(temporaryDir, `${PREFIX}${hexOf(digest)}`);
  let fd: number;
  try {
    fd = openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW, PRIVATE_FILE);
  } catch (cause) {
    throw fileWrite(path, cause);
  }
  // Between open and lock another process may have finished or removed it.
  if (flock(fd, { type: 'exclusive', wait: false }) && fstatSync(fd).nlink > 0) return { path, fd };
  closeSync(fd);
  return undefined;
}

/**
 * Fetches what is missing of a blob, and checks all of it. Bytes that were there already and turn out
 * wrong are fetched once more; who follows \`growing\` is stopped then.
 * @throws BuildError BLOB_DIGEST_MISMATCH, BLOB_SIZE_MISMATCH, FILE_WRITE, DISK_FULL: nothing is kept then.
 * Whatever `openAt` and its stream throw: what has come is kept.
 */
export async function completePartial(
  partial: PartialBlob,
  expected: ExpectedBytes,
  openAt: OpenAt,
  signal: AbortSignal,
  growing: GrowingFile,
): Promise<void> {
  const { fd, path } = partial;
  if (fstatSync(fd).size > expected.size) ftruncateSync(fd, 0);
  const start = await hashThere(fd, signal);
  growing.grew(start.size);
  const grew = (bytes: number): void => {
    growing.grew(bytes);
  };
  const found = await append(partial, { ...start, grew }, expected, openAt, signal);
  if (found.size === expected.size && found.digest === expected.digest) {
    growing.complete(expected);
    return;
  }
  // Who follows it has read wrong bytes.
  growing.stop();
  ftruncateSync(fd, 0);
  const hadOldBytes = start.size > 0;
  if (hadOldBytes) {
    const fresh = { hash: createHash('sha256'), size: 0, grew: () => undefined };
    const again = await append(partial, fresh, expected, openAt, signal);
    if (again.size === expected.size && again.digest === expected.digest) return;
    unlinkIfThere(path);
    throw mismatch(expected, again);
  }
  unlinkIfThere(path);
  throw mismatch(expected, found);
}

/** Leaves no file of a download that did not begin. */
export function dropEmptyPartial({ path, fd }: PartialBlob): void {
  const { size, nlink } = fstatSync(fd);
  if (size === 0 && nlink > 0) unlinkIfThere(path);
}

/** Removes all partial blobs that nobody writes to. Gives the bytes that they had. */
export function removePartials(temporaryDir: string): number {
  let bytes = 0;
  for (const name of readdirSync(temporaryDir)) {
    if (!/^partial-[0-9a-f]{64}$/.test(name)) continue;
    const path = join(temporaryDir, name);
    const fd = openIfThere(path);
    if (fd === undefined) continue;
    try {
      if (!flock(fd, { type: 'exclusive', wait: false })) continue;
      bytes += fstatSync(fd).size;
      unlinkIfThere(path);
    } finally {
      closeSync(fd);
    }
  }
  return bytes;
}

/** A download may have ended since its name was read. */
function openIfThere(path: string): number | undefined {
  try {
    return openSync(path, O_RDWR | O_NOFOLLOW);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

interface Progress {
  readonly hash: Hash;
  readonly size: number;
}

/** What is there when bytes are added, and who is told of them. */
interface Beginning extends Progress {
  grew(bytes: number): void;
}

async function hashThere(fd: number, signal: AbortSignal): Promise<Progress> {
  const hash = createHash('sha256');
  const breather = createBreather(signal);
  const buffer = Buffer.allocUnsafe(READ_BYTES);
  let size = 0;
  for (;;) {
    const count = readSync(fd, buffer, 0, buffer.length, size);
    if (count === 0) return { hash, size };
    hash.update(buffer.subarray(0, count));
    size += count;
    if (breather.isDue()) await breather.breathe();
  }
}

async function append(
  { fd, path }: PartialBlob,
  start: Beginning,
  expected: ExpectedBytes,
  openAt: OpenAt,
  signal: AbortSignal,
): Promise<{ readonly size: number; readonly digest: Digest }> {
  const { hash } = start;
  let { size } = start;
  const breather = createBreather(signal);
  const writeback = earlyWriteback(fd);
  // All bytes may have come before, and only their end have been missed.
  const rest = size < expected.size ? await openAt(size) : [];
  for await (const chunk of rest) {
    signal.throwIfAborted();
    if (size + chunk.byteLength > expected.size) {
      unlinkIfThere(path);
      throw blobSizeMismatch(expected.digest, expected.size, 'more');
    }
    try {
      writeAll(fd, chunk, size);
    } catch (cause) {
      // Where the disk is full, a piece that nobody may come back for only makes it worse.
      unlinkIfThere(path);
      throw fileWrite(path, cause);
    }
    hash.update(chunk);
    size += chunk.byteLength;
    start.grew(chunk.byteLength);
    writeback(size);
    if (breather.isDue()) await breather.breathe();
  }
  return { size, digest: finishDigest(hash) };
}

function mismatch(
  expected: ExpectedBytes,
  found: { readonly size: number; readonly digest: Digest },
): Error {
  return found.size === expected.size
    ? blobDigestMismatch(expected.digest, found.digest)
    : blobSizeMismatch(expected.digest, expected.size, `${found.size}`);
}
