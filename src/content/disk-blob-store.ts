import { createHash, randomBytes } from 'node:crypto';
import {
  closeSync,
  constants,
  createReadStream,
  fsync,
  fstatSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  statSync,
  unlinkSync,
} from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { promisify } from 'node:util';
import { createBreather } from '../core/breathe.ts';
import { GrowingFile, type GrowingBlob } from './growing-blob.ts';
import { parseDigest, type Digest } from '../core/digest.ts';
import { digestOf, finishDigest } from '../core/sha256.ts';
import { BuildError } from '../diagnostics/build-error.ts';
import {
  errnoOf,
  fileWrite,
  readFileCapped,
  syncDirectory,
  unlinkIfThere,
  writeAll,
} from '../host/atomic-file.ts';
import { earlyWriteback } from '../host/early-writeback.ts';
import { openHolds, type Holds } from '../host/holds.ts';
import { flock } from '../host/sys.ts';
import { openBlobOrigins, type BlobOrigins } from './blob-origins.ts';
import { blobPath } from './blob-path.ts';
import type { BlobStore, WrittenBlob } from './blob-store.ts';
import {
  blobCorrupt,
  blobDigestMismatch,
  blobNotFound,
  blobSizeMismatch,
  blobTooLarge,
} from './errors.ts';
import {
  completePartial,
  dropEmptyPartial,
  openPartial,
  removePartials,
  type OpenAt,
} from './partial-blob.ts';
import { sweepTemporaryFiles, TEMPORARY_PREFIX } from './sweep.ts';
import { verifiedStream, type ExpectedBytes, type StreamFault } from './verified-stream.ts';

const { O_CREAT, O_EXCL, O_WRONLY } = constants;
const PRIVATE_DIRECTORY = 0o700;
const PRIVATE_FILE = 0o600;
/** Larger reads than Node's 64 KiB: fewer trips through the thread pool, and hashing likes them. */
const READ_CHUNK_BYTES = 512 * 1024;

const fsyncAsync = promisify(fsync);

/** A `BlobStore` in a directory, and what garbage collection and checks need of it. */
export interface DiskBlobStore extends BlobStore {
  /** Every blob that is here, in no particular order. */
  list(): Iterable<WrittenBlob>;
  /**
   * Removes those of `digests` that no process holds, and returns them. `kept` is asked when nobody can
   * get hold of anything: what it names stays.
   */
  removeAll(digests: readonly Digest[], kept: () => ReadonlySet<string>): readonly Digest[];
  /** Removes what interrupted downloads left, and gives the bytes that it had. */
  removePartials(): number;
}

/**
 * Opens the blobs below `rootDir`, which is made when it is not there: `blobs/sha256/<hex>` and, on the
 * same file system, `tmp/`. Temporary files whose writer is gone are removed.
 * @throws BuildError FILE_WRITE when the directories cannot be made.
 */
export function openDiskBlobStore(
  rootDir: string,
  holds: Holds = openHolds(rootDir),
): DiskBlobStore {
  const blobsDir = join(rootDir, 'blobs', 'sha256');
  const temporaryDir = join(rootDir, 'tmp');
  try {
    mkdirSync(blobsDir, { recursive: true, mode: PRIVATE_DIRECTORY });
    mkdirSync(temporaryDir, { recursive: true, mode: PRIVATE_DIRECTORY });
  } catch (cause) {
    throw fileWrite(rootDir, cause);
  }
  sweepTemporaryFiles(temporaryDir);
  return new DirectoryBlobs(rootDir, blobsDir, temporaryDir, holds);
}

class DirectoryBlobs implements DiskBlobStore {
  readonly #rootDir: string;
  readonly #blobsDir: string;
  readonly #temporaryDir: string;
  readonly origins: BlobOrigins;
  readonly #holds: Holds;

  constructor(rootDir: string, blobsDir: string, temporaryDir: string, holds: Holds) {
    this.#holds = holds;
    this.origins = openBlobOrigins(join(rootDir, 'blobs', 'origins'));
    this.#rootDir = rootDir;
    this.#blobsDir = blobsDir;
    this.#temporaryDir = temporaryDir;
  }

  sizeOf(digest: Digest): number | undefined {
    return this.#holds.find(digest, () => this.#sizeOf(digest));
  }

  #sizeOf(digest: Digest): number | undefined {
    const stat = statSync(this.pathOf(digest), { throwIfNoEntry: false });
    return stat?.isFile() === true ? stat.size : undefined;
  }

  pathOf(digest: Digest): string {
    return blobPath(this.#rootDir, digest);
  }

  readBytes(digest: Digest, maxBytes: number): Buffer {
    const size = this.sizeOf(digest);
    if (size === undefined) throw blobNotFound(digest);
    if (size > maxBytes) throw blobTooLarge(digest, size, maxBytes);
    const bytes = readFileCapped(this.pathOf(digest), maxBytes);
    if (bytes === undefined) throw blobNotFound(digest);
    const found = digestOf(bytes);
    if (found !== digest) throw blobCorrupt(digest, `its bytes have the digest "${found}"`);
    return bytes;
  }

  openRead(digest: Digest, signal: AbortSignal): Readable {
    const size = this.sizeOf(digest);
    if (size === undefined) throw blobNotFound(digest);
    const file = createReadStream(this.pathOf(digest), { highWaterMark: READ_CHUNK_BYTES, signal });
    const checked = verifiedStream(file, { digest, size }, (fault) =>
      blobCorrupt(digest, describeFault(fault)),
    );
    // Loaded here, as a cached build reads no blob as a stream.
    const streams = process.getBuiltinModule('node:stream');
    return streams.Readable.from(checked, { objectMode: false, highWaterMark: READ_CHUNK_BYTES });
  }

  writeBytes(bytes: Uint8Array): Digest {
    const digest = digestOf(bytes);
    if (this.#isThere(digest, bytes)) return digest;
    const temporary = this.#newTemporary();
    try {
      writeAll(temporary.fd, bytes);
      fsyncSync(temporary.fd);
      this.#publish(temporary.path, digest);
    } catch (cause) {
      unlinkIfThere(temporary.path);
      throw fileWrite(this.pathOf(digest), cause);
    } finally {
      closeSync(temporary.fd);
    }
    return digest;
  }

  async write(
    source: AsyncIterable<Uint8Array>,
    expected: ExpectedBytes | undefined,
    signal: AbortSignal,
    follow?: (growing: GrowingBlob) => void,
  ): Promise<WrittenBlob> {
    signal.throwIfAborted();
    const temporary = this.#newTemporary();
    const growing = new GrowingFile(temporary.path);
    follow?.(growing);
    try {
      const written = await writeStream(temporary, source, expected, signal, growing);
      growing.complete(written);
      await fsyncAsync(temporary.fd);
      signal.throwIfAborted();
      this.#publish(temporary.path, written.digest);
      growing.finish(written, this.pathOf(written.digest));
      return written;
    } catch (cause) {
      unlinkIfThere(temporary.path);
      // An error of the source is not ours to rename; only system calls on our file are.
      throw isFileError(cause) ? fileWrite(temporary.path, cause) : cause;
    } finally {
      growing.stop();
      closeSync(temporary.fd);
    }
  }

  async writeResumable(
    expected: ExpectedBytes,
    openAt: OpenAt,
    signal: AbortSignal,
    follow?: (growing: GrowingBlob) => void,
  ): Promise<void> {
    signal.throwIfAborted();
    const partial = openPartial(this.#temporaryDir, expected.digest);
    if (partial === undefined) {
      await this.write(await openAt(0), expected, signal, follow);
      return;
    }
    const growing = new GrowingFile(partial.path);
    follow?.(growing);
    try {
      await completePartial(partial, expected, openAt, signal, growing);
      await fsyncAsync(partial.fd);
      signal.throwIfAborted();
      this.#publish(partial.path, expected.digest);
      growing.finish(expected, this.pathOf(expected.digest));
    } catch (cause) {
      dropEmptyPartial(partial);
      throw isFileError(cause) ? fileWrite(partial.path, cause) : cause;
    } finally {
      growing.stop();
      closeSync(partial.fd);
    }
  }

  removePartials(): number {
    return removePartials(this.#temporaryDir);
  }

  *list(): Iterable<WrittenBlob> {
    for (const name of readdirSync(this.#blobsDir)) {
      const digest = parseDigest(`sha256:${name}`);
      const size = digest === undefined ? undefined : this.#sizeOf(digest);
      if (digest !== undefined && size !== undefined) yield { digest, size };
    }
  }

  removeAll(digests: readonly Digest[], kept: () => ReadonlySet<string>): readonly Digest[] {
    return this.#holds.remove((held) => {
      const needed = kept();
      return digests.filter(
        (digest) => !held.has(digest) && !needed.has(digest) && this.#remove(digest),
      );
    });
  }

  #remove(digest: Digest): boolean {
    try {
      unlinkSync(this.pathOf(digest));
      this.origins.forget(digest);
      return true;
    } catch (cause) {
      if (errnoOf(cause) === 'ENOENT') return false;
      throw fileWrite(this.pathOf(digest), cause);
    }
  }

  /** Compares whole: a damaged blob of the right size is replaced by the write that follows. */
  #isThere(digest: Digest, bytes: Uint8Array): boolean {
    if (this.sizeOf(digest) !== bytes.byteLength) return false;
    const there = readFileCapped(this.pathOf(digest), bytes.byteLength);
    return there?.equals(bytes) === true;
  }

  #newTemporary(): TemporaryFile {
    for (;;) {
      const name = `${TEMPORARY_PREFIX}${process.pid}-${randomBytes(8).toString('hex')}`;
      const path = join(this.#temporaryDir, name);
      const fd = openTemporary(path);
      // Between open and lock another process may have swept the file; then it is not ours any more.
      if (flock(fd, { type: 'exclusive', wait: false }) && fstatSync(fd).nlink > 0) {
        return { path, fd };
      }
      closeSync(fd);
    }
  }

  #publish(temporaryPath: string, digest: Digest): void {
    this.#holds.note(digest);
    renameSync(temporaryPath, this.pathOf(digest));
    syncDirectory(this.#blobsDir);
  }
}

interface TemporaryFile {
  readonly path: string;
  readonly fd: number;
}

function openTemporary(path: string): number {
  try {
    return openSync(path, O_WRONLY | O_CREAT | O_EXCL, PRIVATE_FILE);
  } catch (cause) {
    throw fileWrite(path, cause);
  }
}

async function writeStream(
  { path, fd }: TemporaryFile,
  source: AsyncIterable<Uint8Array>,
  expected: ExpectedBytes | undefined,
  signal: AbortSignal,
  growing: GrowingFile,
): Promise<WrittenBlob> {
  const hash = createHash('sha256');
  const breather = createBreather(signal);
  const writeback = earlyWriteback(fd);
  let size = 0;
  for await (const chunk of source) {
    signal.throwIfAborted();
    size += chunk.byteLength;
    if (expected !== undefined && size > expected.size) {
      throw blobSizeMismatch(expected.digest, expected.size, 'more');
    }
    hash.update(chunk);
    try {
      writeAll(fd, chunk);
    } catch (cause) {
      throw fileWrite(path, cause);
    }
    growing.grew(chunk.byteLength);
    writeback(size);
    if (breather.isDue()) await breather.breathe();
  }
  const digest = finishDigest(hash);
  if (expected !== undefined) {
    if (size < expected.size) throw blobSizeMismatch(expected.digest, expected.size, `${size}`);
    if (digest !== expected.digest) throw blobDigestMismatch(expected.digest, digest);
  }
  return { digest, size };
}

function describeFault(fault: StreamFault): string {
  switch (fault.kind) {
    case 'too-long':
      return 'it grew while it was read';
    case 'too-short':
      return 'it shrank while it was read';
    case 'wrong-digest':
      return `its bytes have the digest "${fault.digest}"`;
    default:
      return fault satisfies never;
  }
}

function isFileError(cause: unknown): boolean {
  return (
    !(cause instanceof BuildError) &&
    cause instanceof Error &&
    'syscall' in cause &&
    (cause.syscall === 'fsync' || cause.syscall === 'rename' || cause.syscall === 'open')
  );
}
