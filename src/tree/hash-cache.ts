import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { readFileCapped } from '../host/atomic-file.ts';
import { replaceFile } from '../host/replace-file.ts';
import type { FileState, Inode } from './file-tree.ts';
import { InodeTable } from './inode-table.ts';
import { inodeOf } from './node.ts';
import type { SettledFiles } from './settled-files.ts';

/**
 * Digests of files that were read before, so that an unchanged context costs one lstat a file.
 *
 * A digest is good for as long as device, inode, size, mtime and ctime are the same. A file that had not
 * settled before it was read is remembered for this process only.
 */
export interface HashCache {
  /** 32 bytes, or undefined when the file is not known as it is now. */
  get(node: FileState): Uint8Array | undefined;
  /** Remembers what was read from the file that `node` describes. */
  put(node: FileState, digest: Uint8Array): void;
  /** Writes what is new; the file of an earlier or parallel build is replaced whole. */
  save(): void;
}

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
  /** Where they are kept, a file for each context. Its directory is made when it is not there. */
  readonly file: string;
  /** As they were before any of them was looked at. */
  readonly settled: Pick<SettledFiles, 'has'>;
}

/** Opens the digests of one context. Nothing is read before the first `get`. */
export function openHashCache(options: HashCacheOptions): HashCache {
  return new FileHashCache(options);
}

/** What was read in this process: 73 bytes a file and the way to find it. */
class Fresh {
  #keys = new BigInt64Array(FIRST_CAPACITY * KEY_FIELDS);
  #digests = Buffer.alloc(FIRST_CAPACITY * DIGEST_BYTES);
  #racy = new Uint8Array(FIRST_CAPACITY);
  /** Record number by inode. */
  readonly #byInode = new InodeTable();

  get size(): number {
    return this.#byInode.size;
  }

  get(node: FileState): Uint8Array | undefined {
    const index = this.#byInode.get(node.ino);
    if (index === undefined || !isKeyOf(this.#keys, index, node)) return undefined;
    return recordOf(this.#digests, index);
  }

  has(inode: Inode): boolean {
    return this.#byInode.get(inode) !== undefined;
  }

  put(node: FileState, digest: Uint8Array, isRacy: boolean): void {
    const index = this.#byInode.get(node.ino) ?? this.#byInode.size;
    if (index === this.#racy.length) this.#grow();
    this.#byInode.set(node.ino, index);
    setKey(this.#keys, index, node);
    this.#digests.set(digest, index * DIGEST_BYTES);
    this.#racy[index] = isRacy ? 1 : 0;
  }

  /** Records whose files cannot change any more without a new time stamp. */
  lasting(): Records {
    const indexes: number[] = [];
    for (let i = 0; i < this.size; i++) if (this.#racy[i] === 0) indexes.push(i);
    return { keys: this.#keys, digests: this.#digests, indexes };
  }

  #grow(): void {
    const { keys, digests, racy } = { keys: this.#keys, digests: this.#digests, racy: this.#racy };
    this.#keys = new BigInt64Array(keys.length * 2);
    this.#keys.set(keys);
    this.#digests = Buffer.alloc(digests.length * 2);
    this.#digests.set(digests);
    this.#racy = new Uint8Array(racy.length * 2);
    this.#racy.set(racy);
  }
}

const FIRST_CAPACITY = 64;

/** Some of the records in two columns. */
interface Records {
  readonly keys: BigInt64Array;
  readonly digests: Buffer;
  readonly indexes: readonly number[];
}

class FileHashCache implements HashCache {
  readonly #options: HashCacheOptions;
  readonly #file: string;
  #stored: Stored | undefined;
  readonly #fresh = new Fresh();
  #isDirty = false;

  constructor(options: HashCacheOptions) {
    this.#options = options;
    this.#file = options.file;
  }

  get(node: FileState): Uint8Array | undefined {
    const fresh = this.#fresh.get(node);
    if (fresh !== undefined) return fresh;
    return (this.#stored ??= readStored(this.#file)).get(node);
  }

  put(node: FileState, digest: Uint8Array): void {
    const touched = node.mtimeNs > node.ctimeNs ? node.mtimeNs : node.ctimeNs;
    const isSettled = this.#options.settled.has(touched, node.dev);
    this.#fresh.put(node, digest, !isSettled);
    if (isSettled) this.#isDirty = true;
  }

  save(): void {
    if (!this.#isDirty) return;
    const stored = (this.#stored ??= readStored(this.#file));
    const { keys, digests } = stored;
    const kept = { keys, digests, indexes: stored.keptIndexes(this.#fresh) };
    const records = [this.#fresh.lasting(), kept];
    mkdirSync(dirname(this.#file), { recursive: true, mode: 0o700 });
    replaceFile(this.#file, encode(records));
    this.#isDirty = false;
  }
}

/** What is in the file. */
class Stored {
  readonly count: number;
  readonly keys: BigInt64Array;
  readonly digests: Buffer;
  /** Record number by inode. */
  readonly #byInode = new InodeTable();
  readonly #used: Uint8Array;
  #usedCount = 0;

  constructor(keys: BigInt64Array, digests: Buffer) {
    this.keys = keys;
    this.digests = digests;
    this.count = keys.length / KEY_FIELDS;
    this.#used = new Uint8Array(this.count);
    for (let i = 0; i < this.count; i++) this.#byInode.set(inodeAt(keys, i), i);
  }

  get(node: FileState): Uint8Array | undefined {
    const index = this.#byInode.get(node.ino);
    if (index === undefined) return undefined;
    if (!isKeyOf(this.keys, index, node)) return undefined;
    if (this.#used[index] === 0) {
      this.#used[index] = 1;
      this.#usedCount++;
    }
    return recordOf(this.digests, index);
  }

  /** Records worth keeping beside `fresh` ones: the used, and the others unless they are too many. */
  keptIndexes(fresh: Fresh): number[] {
    const keepsUnused =
      this.count - this.#usedCount <= Math.max(MIN_KEPT_UNUSED, this.#usedCount + fresh.size);
    const kept: number[] = [];
    for (let i = 0; i < this.count; i++) {
      if (fresh.has(inodeAt(this.keys, i))) continue;
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

/** The bytes of the file, in pieces: there may be many records. */
function* encode(parts: readonly Records[]): Generator<Uint8Array> {
  const header = Buffer.alloc(HEADER_BYTES);
  const checksum = createHash('sha256');
  for (const piece of encodeBody(parts)) checksum.update(piece);
  MAGIC.copy(header);
  checksum.digest().copy(header, HEADER_BYTES - CHECKSUM_BYTES);
  yield header;
  yield* encodeBody(parts);
}

/** First the keys of all records, then their digests. Each piece is valid until the next one is asked for. */
function* encodeBody(parts: readonly Records[]): Generator<Uint8Array> {
  const keys = new BigInt64Array(PIECE_RECORDS * KEY_FIELDS);
  yield* encodeColumn(parts, Buffer.from(keys.buffer), (part, index, at) => {
    const from = index * KEY_FIELDS;
    keys.set(part.keys.subarray(from, from + KEY_FIELDS), at * KEY_FIELDS);
  });
  const digests = Buffer.allocUnsafe(PIECE_RECORDS * DIGEST_BYTES);
  yield* encodeColumn(parts, digests, (part, index, at) => {
    digests.set(recordOf(part.digests, index), at * DIGEST_BYTES);
  });
}

const PIECE_RECORDS = 4096;

function* encodeColumn(
  parts: readonly Records[],
  piece: Buffer,
  put: (part: Records, index: number, at: number) => void,
): Generator<Uint8Array> {
  const recordBytes = piece.length / PIECE_RECORDS;
  let at = 0;
  for (const part of parts) {
    for (const index of part.indexes) {
      put(part, index, at++);
      if (at < PIECE_RECORDS) continue;
      yield piece;
      at = 0;
    }
  }
  yield piece.subarray(0, at * recordBytes);
}

function recordOf(digests: Buffer, index: number): Buffer {
  return digests.subarray(index * DIGEST_BYTES, (index + 1) * DIGEST_BYTES);
}

function setKey(keys: BigInt64Array, index: number, node: FileState): void {
  const at = index * KEY_FIELDS;
  keys[at] = BigInt(node.dev);
  keys[at + 1] = BigInt(node.ino);
  keys[at + 2] = BigInt(node.size);
  keys[at + 3] = node.mtimeNs;
  keys[at + 4] = node.ctimeNs;
}

function inodeAt(keys: BigInt64Array, index: number): Inode {
  return inodeOf(BigInt.asUintN(64, keys[index * KEY_FIELDS + 1] ?? 0n));
}

/** All but the inode, by which the record was found. */
function isKeyOf(keys: BigInt64Array, index: number, node: FileState): boolean {
  const at = index * KEY_FIELDS;
  return (
    keys[at + 3] === node.mtimeNs &&
    keys[at + 4] === node.ctimeNs &&
    keys[at] === BigInt(node.dev) &&
    keys[at + 2] === BigInt(node.size)
  );
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
