import { createBreather } from '../core/breathe.ts';

/** As many as Node's thread pool has threads. */
const BLOCKS_IN_FLIGHT = 4;

/** A piece of a stream. Its memory is used for something else once it was released. */
export interface Block {
  readonly bytes: Buffer;
  readonly release: () => void;
}

/**
 * Cuts a stream into blocks of `size` bytes; the last one may be shorter. Each block is a buffer of its
 * own, a chunk of `source` need only be valid until the next one is asked for.
 */
export async function* blocksOf(
  source: AsyncIterable<Uint8Array>,
  size: number,
): AsyncGenerator<Block, void> {
  let block = Buffer.allocUnsafe(size);
  let length = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length;) {
      const count = Math.min(chunk.length - at, size - length);
      block.set(chunk.subarray(at, at + count), length);
      at += count;
      length += count;
      if (length < size) continue;
      yield { bytes: block, release: nobody };
      block = Buffer.allocUnsafe(size);
      length = 0;
    }
  }
  if (length > 0) yield { bytes: block.subarray(0, length), release: nobody };
}

/** Nobody waits for this memory. */
function nobody(): void {
  // The garbage collector takes it.
}

/** The bytes of blocks; each is released when the next one is asked for. */
export async function* bytesOf(blocks: AsyncIterable<Block>): AsyncGenerator<Uint8Array, void> {
  for await (const { bytes, release } of blocks) {
    yield bytes;
    release();
  }
}

/**
 * Works on a few blocks at the same time, and gives the results in the order of the blocks. A block is
 * released when its work has ended well.
 */
export async function* inOrder(
  blocks: AsyncIterable<Block>,
  work: (block: Buffer) => Promise<Buffer>,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void> {
  const inFlight: Promise<Buffer>[] = [];
  const breather = createBreather(signal);
  for await (const { bytes, release } of blocks) {
    signal.throwIfAborted();
    const result = work(bytes);
    // Its failure is reported when its turn comes; until then nobody else listens.
    result.then(release, () => undefined);
    inFlight.push(result);
    const first = inFlight.length < BLOCKS_IN_FLIGHT ? undefined : inFlight.shift();
    if (first !== undefined) yield await first;
    if (breather.isDue()) await breather.breathe();
  }
  for (const result of inFlight) {
    yield await result;
    signal.throwIfAborted();
  }
}
