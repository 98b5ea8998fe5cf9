import { createHash } from 'node:crypto';
import type { Inode } from './file-tree.ts';
import { InodeTable } from './inode-table.ts';

/** Digests of files by inode. Good for as long as the files stay, and stay what they are. */
export interface InodeDigests {
  /** 32 bytes; undefined when the file is not in the list. */
  get(inode: Inode): Uint8Array | undefined;
}

const MAGIC = Buffer.from('stagecraft file digests 2\n');
const CHECKSUM_BYTES = 32;
/** Magic padded to 32 bytes, then the checksum of the rest, then the place: keeps numbers on 8-byte boundaries. */
const PLACE_BYTES = 16;
const CHECKED_FROM = 32 + CHECKSUM_BYTES;
const HEADER_BYTES = CHECKED_FROM + PLACE_BYTES;
const DIGEST_BYTES = 32;
const NUMBER_BYTES = 8;
const FIRST_CAPACITY = 256;

/**
 * The directory whose files a list is about. Inodes are other files once it was copied or unpacked elsewhere,
 * as caches of CI do; then the directory is another one, or as old as that.
 */
export interface ListPlace {
  readonly ino: bigint;
  readonly ctimeNs: bigint;
}

/** A list that grows: 40 bytes a file, and as many again while it grows. */
export class DigestList implements InodeDigests {
  #inodes = new Float64Array(FIRST_CAPACITY);
  #digests = Buffer.alloc(FIRST_CAPACITY * DIGEST_BYTES);
  #count = 0;
  #byInode: InodeTable | undefined;

  get size(): number {
    return this.#count;
  }

  /**
   * `digest` is copied. Of two digests of an inode the last one counts. An inode that a number
   * cannot tell from its neighbours is left out.
   */
  add(inode: Inode, digest: Uint8Array): void {
    if (!isNumber(inode)) return;
    if (this.#count === this.#inodes.length) this.#grow();
    this.#inodes[this.#count] = inode;
    this.#digests.set(digest, this.#count * DIGEST_BYTES);
    this.#byInode?.set(inode, this.#count);
    this.#count++;
  }

  /** Adds all that another list has. */
  addAll({ inodes, digests }: StoredDigests): void {
    for (const [at, inode] of inodes.entries()) this.add(inode, digestAt(digests, at));
  }

  get(inode: Inode): Uint8Array | undefined {
    if (!isNumber(inode)) return undefined;
    const byInode = (this.#byInode ??= this.#index());
    const at = byInode.get(inode);
    return at === undefined ? undefined : digestAt(this.#digests, at);
  }

  /**
   * The form that `decodeDigestList` reads, in pieces, with what `stored` has besides. `sources` are names without
   * spaces.
   */
  encode(place: ListPlace, sources: readonly string[], stored?: StoredDigests): Uint8Array[] {
    const own = this.#sorted();
    const more = stored ?? { inodes: new Float64Array(), digests: Buffer.alloc(0) };
    const merged = merge(own, more);
    const count = Buffer.from(Float64Array.of(merged.inodes.length).buffer);
    const { buffer, byteOffset, byteLength } = merged.inodes;
    const inodes = Buffer.from(buffer, byteOffset, byteLength);
    const names = Buffer.from(sources.join(' '), 'latin1');
    const parts = [placeBytes(place), count, inodes, merged.digests, names];
    const magic = Buffer.alloc(32);
    MAGIC.copy(magic);
    const checksum = createHash('sha256');
    for (const part of parts) checksum.update(part);
    return [magic, checksum.digest(), ...parts];
  }

  /** In the order of inodes, each once: of several digests of one, the last. */
  #sorted(): SortedDigests {
    const inodes = this.#inodes.subarray(0, this.#count);
    if (inodes.every((inode, at) => at === 0 || (inodes[at - 1] ?? 0) < inode)) {
      return { inodes, digests: this.#digests.subarray(0, this.#count * DIGEST_BYTES) };
    }
    // Later ones come first, so that they are met first.
    const order = Uint32Array.from(inodes, (_, at) => at).sort(
      (a, b) => (inodes[a] ?? 0) - (inodes[b] ?? 0) || b - a,
    );
    const once = order.filter((at, to) => inodes[at] !== inodes[order[to - 1] ?? -1]);
    const digests = Buffer.allocUnsafe(once.length * DIGEST_BYTES);
    for (const [to, at] of once.entries()) {
      this.#digests.copy(digests, to * DIGEST_BYTES, at * DIGEST_BYTES, (at + 1) * DIGEST_BYTES);
    }
    return { inodes: Float64Array.from(once, (at) => inodes[at] ?? 0), digests };
  }

  #index(): InodeTable {
    const byInode = new InodeTable();
    for (let at = 0; at < this.#count; at++) byInode.set(this.#inodes[at] ?? 0, at);
    return byInode;
  }

  #grow(): void {
    const inodes = new Float64Array(this.#count * 2);
    inodes.set(this.#inodes);
    const digests = Buffer.alloc(this.#count * 2 * DIGEST_BYTES);
    digests.set(this.#digests);
    this.#inodes = inodes;
    this.#digests = digests;
  }
}

/** Digests in the order of their inodes. */
interface SortedDigests {
  readonly inodes: Float64Array;
  readonly digests: Buffer;
}

/** Both in one; of two digests of an inode that of `a` counts. Runs are copied whole: `a` may be small. */
function merge(a: SortedDigests, b: SortedDigests): SortedDigests {
  if (b.inodes.length === 0) return a;
  const inodes = new Float64Array(a.inodes.length + b.inodes.length);
  const digests = Buffer.allocUnsafe(inodes.length * DIGEST_BYTES);
  let length = 0;
  const take = (
    { inodes: from, digests: bytes }: SortedDigests,
    start: number,
    end: number,
  ): void => {
    inodes.set(from.subarray(start, end), length);
    bytes.copy(digests, length * DIGEST_BYTES, start * DIGEST_BYTES, end * DIGEST_BYTES);
    length += end - start;
  };
  let at = 0;
  for (const [index, inode] of a.inodes.entries()) {
    const end = placeOf(b.inodes, inode);
    take(b, at, end);
    take(a, index, index + 1);
    at = b.inodes[end] === inode ? end + 1 : end;
  }
  take(b, at, b.inodes.length);
  return {
    inodes: inodes.subarray(0, length),
    digests: digests.subarray(0, length * DIGEST_BYTES),
  };
}

/** A list as it was read. */
export interface StoredDigests extends InodeDigests, SortedDigests {
  readonly sources: readonly string[];
}

/**
 * Undefined for what is damaged, of another version, or not of this place: then the files are read again.
 */
export function decodeDigestList(bytes: Buffer, place: ListPlace): StoredDigests | undefined {
  const body = bytes.subarray(HEADER_BYTES);
  if (!bytes.subarray(0, MAGIC.length).equals(MAGIC) || body.length < NUMBER_BYTES)
    return undefined;
  if (!bytes.subarray(CHECKED_FROM, HEADER_BYTES).equals(placeBytes(place))) return undefined;
  const checksum = createHash('sha256').update(bytes.subarray(CHECKED_FROM)).digest();
  if (!bytes.subarray(32, CHECKED_FROM).equals(checksum)) return undefined;
  const count = body.readDoubleLE(0);
  const digestsAt = NUMBER_BYTES * (count + 1);
  const namesAt = digestsAt + count * DIGEST_BYTES;
  if (!Number.isSafeInteger(count) || count < 0 || namesAt > body.length) return undefined;
  // A copy of its own starts on an 8-byte boundary, which the typed array needs.
  const numbers = new Uint8Array(body.subarray(NUMBER_BYTES, digestsAt));
  const inodes = new Float64Array(numbers.buffer, 0, count);
  const digests = body.subarray(digestsAt, namesAt);
  const names = body.toString('latin1', namesAt);
  return {
    inodes,
    digests,
    sources: names === '' ? [] : names.split(' '),
    get(inode) {
      const at = isNumber(inode) ? indexOf(inodes, inode) : undefined;
      return at === undefined ? undefined : digestAt(digests, at);
    },
  };
}

function placeBytes({ ino, ctimeNs }: ListPlace): Buffer {
  return Buffer.from(BigInt64Array.of(BigInt.asIntN(64, ino), ctimeNs).buffer);
}

function isNumber(inode: Inode): inode is number {
  return Number.isSafeInteger(inode);
}

function indexOf(sorted: Float64Array, wanted: number): number | undefined {
  const at = placeOf(sorted, wanted);
  return sorted[at] === wanted ? at : undefined;
}

/**
 * Where the first number is that is not below `wanted`. Binary search: no index has to be made of a list of
 * which a few files may be asked for.
 */
function placeOf(sorted: Float64Array, wanted: number): number {
  let from = 0;
  let to = sorted.length;
  while (from < to) {
    const middle = (from + to) >>> 1;
    if ((sorted[middle] ?? 0) < wanted) from = middle + 1;
    else to = middle;
  }
  return from;
}

function digestAt(digests: Buffer, at: number): Buffer {
  return digests.subarray(at * DIGEST_BYTES, (at + 1) * DIGEST_BYTES);
}
