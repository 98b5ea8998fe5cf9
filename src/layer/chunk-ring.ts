/** Bytes of one slot, and what readers hand on at once: large enough that hashing them takes the time. */
export const CHUNK_BYTES = 1 << 20;
/** Whoever does not move in this time is gone: a slot takes about a millisecond. */
const PATIENCE_MS = 60_000;
/** Length of a slot that nobody filled. */
const EMPTY = 0;
const END = -1;

/** What two threads share. */
export interface RingMemory {
  readonly bytes: SharedArrayBuffer;
  /** One number a slot: how much is in it. */
  readonly lengths: SharedArrayBuffer;
}

/** Memory for a ring of so many slots, which is empty. */
export function createRingMemory(slots = 4): RingMemory {
  return {
    bytes: new SharedArrayBuffer(slots * CHUNK_BYTES),
    lengths: new SharedArrayBuffer(slots * Int32Array.BYTES_PER_ELEMENT),
  };
}

/** Bytes in a slot, valid until they are released. */
export interface TakenChunk {
  readonly bytes: Buffer;
  readonly release: () => void;
}

/**
 * Hands bytes from one thread to another through memory that both have. Each waits for the other where it
 * must, so that no more than the ring holds is on its way. Waiting blocks the thread.
 * @throws Error when the other thread does not move any more
 */
export class ChunkRing {
  readonly #bytes: Buffer;
  readonly #lengths: Int32Array;
  /** The next one to fill, or to take. */
  #slot = 0;

  constructor({ bytes, lengths }: RingMemory) {
    this.#bytes = Buffer.from(bytes);
    this.#lengths = new Int32Array(lengths);
  }

  /** Room for the next chunk, one slot, to be filled from its start and passed. */
  room(): Buffer {
    this.#waitWhile((length) => length !== EMPTY);
    return this.#bytesOf(this.#slot);
  }

  /** Hands over what was put into `room()`: more than nothing. */
  pass(length: number): void {
    this.#set(this.#slot, length);
    this.#advance();
  }

  /** Says that nothing comes any more. */
  end(): void {
    this.#waitWhile((length) => length !== EMPTY);
    this.pass(END);
  }

  /** The next chunk; undefined at the end. Several may be taken before they are released. */
  take(): TakenChunk | undefined {
    const slot = this.#slot;
    const length = this.#waitWhile((found) => found === EMPTY);
    if (length === END) return undefined;
    this.#advance();
    return {
      bytes: this.#bytesOf(slot).subarray(0, length),
      release: () => {
        this.#set(slot, EMPTY);
      },
    };
  }

  #bytesOf(slot: number): Buffer {
    return this.#bytes.subarray(slot * CHUNK_BYTES, (slot + 1) * CHUNK_BYTES);
  }

  #waitWhile(isWaited: (length: number) => boolean): number {
    for (;;) {
      const length = Atomics.load(this.#lengths, this.#slot);
      if (!isWaited(length)) return length;
      const woken = Atomics.wait(this.#lengths, this.#slot, length, PATIENCE_MS);
      if (woken === 'timed-out') throw new Error('The other thread does not move any more');
    }
  }

  #set(slot: number, length: number): void {
    Atomics.store(this.#lengths, slot, length);
    Atomics.notify(this.#lengths, slot);
  }

  #advance(): void {
    this.#slot = (this.#slot + 1) % this.#lengths.length;
  }
}
