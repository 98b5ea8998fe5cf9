import { badTar } from './errors.ts';

/** Reads a stream in pieces of a wanted size, whatever pieces it arrives in. */
export class ByteReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array(0);

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** Exactly `count` bytes as a buffer of their own, or undefined when the stream ended before the first. */
  async read(count: number): Promise<Buffer | undefined> {
    const parts: Buffer[] = [];
    let rest = count;
    while (rest > 0) {
      const part = await this.next(rest);
      if (part === undefined) {
        if (rest === count) return undefined;
        throw badTar('it ends in the middle of an entry');
      }
      // The chunk may be a view of a buffer that its maker uses again.
      parts.push(Buffer.from(part));
      rest -= part.length;
    }
    return parts.length === 1 ? parts[0] : Buffer.concat(parts);
  }

  /** Some bytes, at most `max`, valid until the next call; undefined at the end. */
  async next(max: number): Promise<Uint8Array | undefined> {
    while (this.#chunk.length === 0) {
      const result: IteratorResult<Uint8Array, unknown> = await this.#source.next();
      if (result.done === true) return undefined;
      this.#chunk = result.value;
    }
    const part = this.#chunk.subarray(0, max);
    this.#chunk = this.#chunk.subarray(part.length);
    return part;
  }

  /** Stops the stream, so that whoever makes it can close what it holds. */
  async close(): Promise<void> {
    await this.#source.return?.();
  }
}
