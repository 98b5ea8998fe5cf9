import type { BytePath } from '../core/bytes.ts';

const CHUNK_BYTES = 1 << 18;
/** Number of the directory, and length of the last name. */
const HEAD_BYTES = 8;

/**
 * Many paths: 8 bytes each beside the last name, outside of the JavaScript heap, when those of one directory
 * come together.
 */
export class NameStore {
  readonly #directories: string[] = [];
  readonly #chunks: Buffer[] = [];
  /** Where the next path goes in the last chunk. */
  #at = CHUNK_BYTES;

  /** Keeps a path, and gives the number that it is found by: below 2^32 - 1 for the first four billion bytes. */
  add(path: BytePath): number {
    const nameAt = path.lastIndexOf('/') + 1;
    const directory = path.slice(0, nameAt);
    if (this.#directories.at(-1) !== directory) this.#directories.push(directory);
    const length = path.length - nameAt;
    const chunk = this.#room(HEAD_BYTES + length);
    const at = this.#at;
    chunk.writeUInt32LE(this.#directories.length - 1, at);
    chunk.writeUInt32LE(length, at + 4);
    chunk.write(path.slice(nameAt), at + HEAD_BYTES, 'latin1');
    this.#at += HEAD_BYTES + length;
    return (this.#chunks.length - 1) * CHUNK_BYTES + at;
  }

  get(number: number): BytePath {
    const chunk = this.#chunks[Math.floor(number / CHUNK_BYTES)];
    const at = number % CHUNK_BYTES;
    if (chunk === undefined) throw new RangeError(`No path has number ${number}`);
    const directory = this.#directories[chunk.readUInt32LE(at)] ?? '';
    const end = at + HEAD_BYTES + chunk.readUInt32LE(at + 4);
    return (directory + chunk.toString('latin1', at + HEAD_BYTES, end)) as BytePath;
  }

  /** The last chunk, with so many bytes free. */
  #room(bytes: number): Buffer {
    const last = this.#chunks.at(-1);
    if (last !== undefined && this.#at + bytes <= CHUNK_BYTES) return last;
    const chunk = Buffer.allocUnsafeSlow(CHUNK_BYTES);
    this.#chunks.push(chunk);
    this.#at = 0;
    return chunk;
  }
}
