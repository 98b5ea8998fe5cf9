/** Bytes of one slot. */
const SLOT_BYTES = 1 << 20;
const SLOTS = 4;
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

/** Memory for a ring, which is empty. */
export function createRingMemory(): RingMemory {
  return {
    bytes: new SharedArrayBuffer(SLOTS * SLOT_BYTES),
    lengths: new SharedArrayBuffer(SLOTS * Int32Array.BYTES_PER_ELEMENT),
  };
}

/**
 * Hands bytes from one thread to another through memory that both have. Each waits for the other where it
 * must, so that no more than the ring holds is on its way. Waiting blocks the thread.
 * @throws Error when the other thread does not move any more
 */
export class ChunkRing {
  readonly #bytes: Buffer;
  readonly #lengths: Int32Array;
  #slot = 0;

  constructor({ bytes, lengths }: RingMemory) {
    this.#bytes = Buffer.from(bytes);
    this.#lengths = new Int32Array(lengths);
  }

  /** Copies a chunk to the other thread. */
  put(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length; at += SLOT_BYTES) {
      const piece = chunk.subarray(at, at + SLOT_BYTES);
      this.#waitWhile((length) => length !== EMPTY);
      this.#bytes.set(piece, this.#slot * SLOT_BYTES);
      this.#pass(piece.length);
    }
  }

  /** Says that nothing comes any more. */
  end(): void {
    this.#waitWhile((length) => length !== EMPTY);
    this.#pass(END);
  }

  /** The next chunk, which is valid until `release`; undefined at the end. */
  take(): Uint8Array | undefined {
    const length = this.#waitWhile((found) => found === EMPTY);
    const start = this.#slot * SLOT_BYTES;
    return length === END ? undefined : this.#bytes.subarray(start, start + length);
  }

  /** Gives the chunk that was taken back. */
  release(): void {
    this.#pass(EMPTY);
  }

  #waitWhile(isWaited: (length: number) => boolean): number {
    for (;;) {
      const length = Atomics.load(this.#lengths, this.#slot);
      if (!isWaited(length)) return length;
      const woken = Atomics.wait(this.#lengths, this.#slot, length, PATIENCE_MS);
      if (woken === 'timed-out') throw new Error('The other thread does not move any more');
    }
  }

  #pass(length: number): void {
    Atomics.store(this.#lengths, this.#slot, length);
    Atomics.notify(this.#lengths, this.#slot);
    this.#slot = (this.#slot + 1) % SLOTS;
  }
}
