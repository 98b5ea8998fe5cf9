import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import path from 'node:path';
import { hexOf } from '../core/digest.ts';
import { digestOf } from '../core/sha256.ts';
import { readFileCapped, writeFileAtomic } from '../host/atomic-file.ts';
import type { FileState } from './file-tree.ts';

/**
 * Digests of files that were read before, so that an unchanged context costs one lstat a file.
 *
 * A digest is good for as long as device, inode, size, mtime and ctime are the same. Two writes within
 * one tick of the clock cannot be told apart by these, so a file that was touched shortly before it was
 * read is remembered for this process only (git calls such entries racy).
 */
export interface HashCache {
  /** 32 bytes, or undefined when the file is not known as it is now. */
  get(node: FileState): Uint8Array | undefined;
  /** Remembers what was read from the file that `node` describes. */
  put(node: FileState, digest: Uint8Array): void;
  /** Writes what is new; the file of an earlier or parallel build is replaced whole. */
  save(): void;
}

/** Files this young may change again without a new time stamp: FAT keeps 2 seconds, others less. */
const RACY_NS = 2_000_000_000n;

/** About 10 million files; a larger file of digests is not one of ours. */
const MAX_CACHE_BYTES = 1 << 30;

const MAGIC = Buffer.from('stagecraft hash cache 1\n');
const CHECKSUM_BYTES = 32;
/** Magic padded to 32 bytes, then the checksum of the rest: keeps what follows on an 8-byte boundary. */
const HEADER_BYTES = 32 + CHECKSUM_BYTES;
const DIGEST_BYTES = 32;
/** dev, ino, size, mtimeNs, ctimeNs: 8 bytes each. */
const KEY_FIELDS = 5;
const RECORD_BYTES = KEY_FIELDS * 8 + DIGEST_BYTES;

/** Up to this many entries that a build did not ask for are kept, or as many as it did ask for. */
const MIN_KEPT_UNUSED = 10_000;

export interface HashCacheOptions {
  /** Directory for files of this kind; made when it is not there. */
  readonly directory: string;
  /** What the digests are of: the absolute path of the context. One file is kept for each. */
  readonly subject: string;
  /** Nanoseconds since 1970. */
  readonly nowNs: () => bigint;
}

/** Opens the digests of one context. Nothing is read before the first `get`. */
export function openHashCache(options: HashCacheOptions): HashCache {
  return new FileHashCache(options);
}

interface Fresh {
  readonly node: FileState;
  readonly digest: Uint8Array;
  readonly isRacy: boolean;
}

class FileHashCache implements HashCache {
  readonly #options: HashCacheOptions;
  readonly #file: string;
  #stored: Stored | undefined;
  /** Read in this process, by inode. */
  readonly #fresh = new Map<number, Fresh>();
  #isDirty = false;

  constructor(options: HashCacheOptions) {
    this.#options = options;
    this.#file = path.join(options.directory, hexOf(digestOf(options.subject)));
  }

  get(node: FileState): Uint8Array | undefined {
    const fresh = this.#fresh.get(node.ino);
    if (fresh !== undefined && isSameFile(fresh.node, node)) return fresh.digest;
    return (this.#stored ??= readStored(this.#file)).get(node);
  }

  put(node: FileState, digest: Uint8Array): void {
    const touched = node.mtimeNs > node.ctimeNs ? node.mtimeNs : node.ctimeNs;
    const isRacy = touched > this.#options.nowNs() - RACY_NS;
    this.#fresh.set(node.ino, { node, digest, isRacy });
    if (!isRacy) this.#isDirty = true;
  }

  save(): void {
    if (!this.#isDirty) return;
    const stored = (this.#stored ??= readStored(this.#file));
    const lasting = [...this.#fresh.values()].filter((entry) => !entry.isRacy);
    const bytes = encode(lasting, stored.keptIndexes(this.#fresh), stored);
    mkdirSync(this.#options.directory, { recursive: true, mode: 0o700 });
    writeFileAtomic(this.#file, bytes);
    this.#isDirty = false;
  }
}

/** What is in the file. */
class Stored {
  readonly count: number;
  readonly keys: BigInt64Array;
  readonly digests: Buffer;
  /** Record number by inode. */
  readonly #byInode = new Map<number, number>();
  readonly #used: Uint8Array;
  #usedCount = 0;

  constructor(keys: BigInt64Array, digests: Buffer) {
    this.keys = keys;
    this.digests = digests;
    this.count = keys.length / KEY_FIELDS;
    this.#used = new Uint8Array(this.count);
    for (let i = 0; i < this.count; i++) this.#byInode.set(Number(keys[i * KEY_FIELDS + 1]), i);
  }

  get(node: FileState): Uint8Array | undefined {
    const index = this.#byInode.get(node.ino);
    if (index === undefined) return undefined;
    const { keys } = this;
    const at = index * KEY_FIELDS;
    if (
      keys[at + 3] !== node.mtimeNs ||
      keys[at + 4] !== node.ctimeNs ||
      keys[at] !== BigInt(node.dev) ||
      keys[at + 2] !== BigInt(node.size)
    ) {
      return undefined;
    }
    if (this.#used[index] === 0) {
      this.#used[index] = 1;
      this.#usedCount++;
    }
    return this.digests.subarray(index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES);
  }

  /** Records worth keeping beside `fresh` ones: the used, and the others unless they are too many. */
  keptIndexes(fresh: ReadonlyMap<number, Fresh>): number[] {
    const keepsUnused =
      this.count - this.#usedCount <= Math.max(MIN_KEPT_UNUSED, this.#usedCount + fresh.size);
    const kept: number[] = [];
    for (let i = 0; i < this.count; i++) {
      if (fresh.has(Number(this.keys[i * KEY_FIELDS + 1]))) continue;
      if (keepsUnused || this.#used[i] === 1) kept.push(i);
    }
    return kept;
  }
}

/** A file that is missing, damaged or of another version is an empty one: all is read again. */
function readStored(file: string): Stored {
  const bytes = readFileCapped(file, MAX_CACHE_BYTES);
  const body = bytes === undefined ? undefined : checkedBody(bytes);
  if (body === undefined) return new Stored(new BigInt64Array(), Buffer.alloc(0));
  const count = body.length / RECORD_BYTES;
  // A copy of its own starts on an 8-byte boundary, which the typed array needs.
  const keyBytes = new Uint8Array(body.subarray(0, count * KEY_FIELDS * 8));
  return new Stored(
    new BigInt64Array(keyBytes.buffer, 0, count * KEY_FIELDS),
    body.subarray(count * KEY_FIELDS * 8),
  );
}

function checkedBody(bytes: Buffer): Buffer | undefined {
  const body = bytes.subarray(HEADER_BYTES);
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC)) return undefined;
  if (body.length % RECORD_BYTES !== 0) return undefined;
  // A crash of the machine can leave a file of the right length with other bytes.
  return bytes.subarray(32, HEADER_BYTES).equals(checksumOf(body)) ? body : undefined;
}

function encode(fresh: readonly Fresh[], kept: readonly number[], stored: Stored): Buffer {
  const count = fresh.length + kept.length;
  const keys = new BigInt64Array(count * KEY_FIELDS);
  const digests = Buffer.alloc(count * DIGEST_BYTES);
  let at = 0;
  for (const { node, digest } of fresh) {
    keys.set(keyOf(node), at * KEY_FIELDS);
    digests.set(digest, at++ * DIGEST_BYTES);
  }
  for (const index of kept) {
    keys.set(stored.keys.subarray(index * KEY_FIELDS, (index + 1) * KEY_FIELDS), at * KEY_FIELDS);
    digests.set(
      stored.digests.subarray(index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES),
      at++ * DIGEST_BYTES,
    );
  }
  const body = Buffer.concat([Buffer.from(keys.buffer), digests]);
  const magic = Buffer.alloc(32);
  MAGIC.copy(magic);
  return Buffer.concat([magic, checksumOf(body), body]);
}

function keyOf(node: FileState): bigint[] {
  return [BigInt(node.dev), BigInt(node.ino), BigInt(node.size), node.mtimeNs, node.ctimeNs];
}

function checksumOf(body: Uint8Array): Buffer {
  return createHash('sha256').update(body).digest();
}

/** True when both looks saw the same file in the same state, as far as lstat can tell. */
export function isSameFile(a: FileState, b: FileState): boolean {
  return (
    a.ino === b.ino &&
    a.dev === b.dev &&
    a.size === b.size &&
    a.mtimeNs === b.mtimeNs &&
    a.ctimeNs === b.ctimeNs
  );
}
