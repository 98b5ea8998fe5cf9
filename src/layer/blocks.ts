import { createBreather } from '../core/breathe.ts';

/** As many as Node's thread pool has threads. */
const BLOCKS_IN_FLIGHT = 4;

/**
 * Cuts a stream into blocks of `size` bytes; the last one may be shorter. Each block is a buffer of its
 * own, a chunk of `source` need only be valid until the next one is asked for.
 */
export async function* blocksOf(
  source: AsyncIterable<Uint8Array>,
  size: number,
): AsyncGenerator<Buffer, void> {
  let block = Buffer.allocUnsafe(size);
  let length = 0;
  for await (const chunk of source) {
    for (let at = 0; at < chunk.length;) {
      const count = Math.min(chunk.length - at, size - length);
      block.set(chunk.subarray(at, at + count), length);
      at += count;
      length += count;
      if (length < size) continue;
      yield block;
      block = Buffer.allocUnsafe(size);
      length = 0;
    }
  }
  if (length > 0) yield block.subarray(0, length);
}

/**
 * Works on a few blocks at the same time, and gives the results in the order of the blocks. `work` gets
 * each block, and the one before it.
 */
export async function* inOrder(
  blocks: AsyncIterable<Buffer>,
  work: (block: Buffer, previous: Buffer | undefined) => Promise<Buffer>,
  signal: AbortSignal,
): AsyncGenerator<Buffer, void> {
  const inFlight: Promise<Buffer>[] = [];
  const breather = createBreather(signal);
  let previous: Buffer | undefined;
  for await (const block of blocks) {
    signal.throwIfAborted();
    const result = work(block, previous);
    // Its failure is reported when its turn comes; until then nobody else listens.
    result.catch(() => undefined);
    inFlight.push(result);
    previous = block;
    const first = inFlight.length < BLOCKS_IN_FLIGHT ? undefined : inFlight.shift();
    if (first !== undefined) yield await first;
    if (breather.isDue()) await breather.breathe();
  }
  for (const result of inFlight) {
    yield await result;
    signal.throwIfAborted();
  }
}
