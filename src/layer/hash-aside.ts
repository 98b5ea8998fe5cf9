import { createHash } from 'node:crypto';
import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import type { DiffId } from '../core/digest.ts';
import { finishDiffId } from '../core/sha256.ts';
import { tryOpenWorkerThread } from '../host/worker-thread.ts';
import { ChunkRing, createRingMemory } from './chunk-ring.ts';
import type { ChunkRoom } from './layer-tar.ts';

/** Takes bytes and gives their diff id. Dispose it, finished or not. */
export interface DiffIdHash extends Disposable {
  /** Where the next chunk is to be put, as for `layerTar`; undefined where that does not matter. */
  readonly room: ChunkRoom | undefined;
  /** Takes the next chunk, which begins where `room` began, if there is one. */
  update(chunk: Uint8Array): void;
  finish(): Promise<DiffId>;
}

/** Hashes in this thread. */
export function hashHere(): DiffIdHash {
  const hash = createHash('sha256');
  return {
    room: undefined,
    update: (chunk) => void hash.update(chunk),
    finish: () => Promise.resolve(finishDiffId(hash)),
    [Symbol.dispose]: () => undefined,
  };
}

/**
 * Hashes in a thread of its own, while this one reads on; in this one where there is no second processor
 * or no second thread. `room` may block, so this is not for the main thread.
 */
export function hashAside(): DiffIdHash {
  const worker = availableParallelism() > 1 ? tryOpenWorkerThread('layer/hash-worker') : undefined;
  return worker === undefined ? hashHere() : new HashThread(worker);
}

class HashThread implements DiffIdHash {
  readonly #worker: Worker;
  #ring: ChunkRing | undefined;

  constructor(worker: Worker) {
    this.#worker = worker;
  }

  readonly room = (): Buffer => this.#begun().room();

  update(chunk: Uint8Array): void {
    this.#begun().pass(chunk.length);
  }

  /** Not before the first bytes come: the other thread waits for them with its patience. */
  #begun(): ChunkRing {
    if (this.#ring !== undefined) return this.#ring;
    const memory = createRingMemory();
    this.#worker.postMessage(memory);
    return (this.#ring = new ChunkRing(memory));
  }

  finish(): Promise<DiffId> {
    const worker = this.#worker;
    worker.ref();
    this.#begun().end();
    return new Promise((resolve, reject) => {
      worker.once('message', resolve);
      worker.once('error', reject);
      worker.once('exit', () => {
        reject(new Error('The thread that hashes has ended'));
      });
    });
  }

  [Symbol.dispose](): void {
    void this.#worker.terminate();
  }
}
