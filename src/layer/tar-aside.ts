import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import type { DiffId } from '../core/digest.ts';
import { tryOpenWorkerThread } from '../host/worker-thread.ts';
import type { Block } from './blocks.ts';
import { ChunkRing, createRingMemory, type RingMemory } from './chunk-ring.ts';
import type { LayerTarOptions } from './layer-tar.ts';

/** What the thread is told. */
export interface TarOrder {
  readonly dir: string;
  readonly options: LayerTarOptions;
  readonly memory: RingMemory;
}

/** What it says: that one more chunk is in the ring, or that there are no more, and their diff id. */
export type TarReport = 'chunk' | DiffId;

/** The other thread could not read the layer, or it is another one: whoever reads it here learns why. */
export class TarAsideFailure extends Error {
  override readonly name = 'TarAsideFailure';
}

/** Those that are compressed, and those that are filled meanwhile. */
const SLOTS = 8;
/** Smaller ones are read about as soon as a thread has started. In bytes. */
const MIN_BYTES = 16 << 20;

/**
 * The uncompressed tar of a layer, as `layerTar` gives it, read and hashed in another thread. Undefined
 * where that is not worth it. Blocks have `CHUNK_BYTES`, but for the last.
 * @throws TarAsideFailure at the end when the bytes do not have this diff id, or before it when there is no thread or it failed
 */
export function layerTarAside(
  dir: string,
  options: LayerTarOptions,
  expected: { readonly diffId: DiffId; readonly size: number },
): AsyncGenerator<Block, void> | undefined {
  if (expected.size < MIN_BYTES || availableParallelism() < 2) return undefined;
  return chunksOf(dir, options, expected.diffId);
}

async function* chunksOf(
  dir: string,
  options: LayerTarOptions,
  diffId: DiffId,
): AsyncGenerator<Block, void> {
  // Not before somebody reads, who also ends it.
  const worker = tryOpenWorkerThread('layer/tar-worker');
  if (worker === undefined) throw new TarAsideFailure('There are no more threads');
  const memory = createRingMemory(SLOTS);
  const ring = new ChunkRing(memory);
  const reports = new Reports(worker);
  try {
    worker.postMessage({ dir, options, memory } satisfies TarOrder);
    for (;;) {
      const report = await reports.next();
      if (report !== 'chunk') {
        if (report !== diffId) throw new TarAsideFailure('A layer was not read in another thread');
        return;
      }
      // It is in the ring already, so nothing waits here.
      const block = ring.take();
      if (block !== undefined) yield block;
    }
  } finally {
    await worker.terminate();
  }
}

/** What a thread says, one after the other; undefined once it has ended. */
class Reports {
  readonly #come: (TarReport | undefined)[] = [];
  #wake: () => void = () => undefined;

  constructor(worker: Worker) {
    const take = (report: TarReport | undefined): void => {
      this.#come.push(report);
      this.#wake();
    };
    const gone = (): void => {
      take(undefined);
    };
    worker.ref();
    worker.on('message', take).on('error', gone).on('exit', gone);
  }

  async next(): Promise<TarReport | undefined> {
    if (this.#come.length === 0) {
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return this.#come.shift();
  }
}
