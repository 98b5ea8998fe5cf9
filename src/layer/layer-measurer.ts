import { availableParallelism } from 'node:os';
import type { Worker } from 'node:worker_threads';
import { tryOpenWorkerThread } from '../host/worker-thread.ts';
import type { LayerFacts } from './layer-index.ts';
import type { LayerTarOptions } from './layer-tar.ts';
import { measureLayer } from './measure-layer.ts';

/** Measures layers, and has another thread begin while later steps still run. */
export interface LayerMeasurer extends AsyncDisposable {
  /** Says that a large layer is being written, so that threads start meanwhile. */
  prepare(): void;
  /** Says that the layer of a frozen directory will be asked for. `bytes` is about its size. */
  expect(dir: string, options: LayerTarOptions, bytes: number): void;
  /** @throws BuildError LAYER_CHANGED */
  measure(dir: string, options: LayerTarOptions, signal: AbortSignal): Promise<LayerFacts>;
}

/** Smaller ones are measured about as soon as a thread has started. */
const MIN_BYTES = 16 << 20;

/** Opens no thread before a large layer is expected; closing it ends the thread. */
export function openLayerMeasurer(): LayerMeasurer {
  return new ThreadedMeasurer();
}

/** A layer that will be asked for. */
export interface ExpectedLayer {
  readonly dir: string;
  readonly options: LayerTarOptions;
  /** About how large it is. */
  readonly bytes: number;
}

/** What the thread is told: a layer, or that one above 64 MB will come. */
export type MeasureOrder = ExpectedLayer | 'prepare';

class ThreadedMeasurer implements LayerMeasurer {
  #worker: Worker | undefined;
  /** What nobody measures yet, in the order in which it came. */
  readonly #waiting = new Map<string, ExpectedLayer>();
  /** What the thread measures or has measured; undefined is what it could not. */
  readonly #begun = new Map<string, Promise<LayerFacts | undefined>>();
  #isBusy = false;
  #answer: (facts: LayerFacts | undefined) => void = () => undefined;
  /** This thread measures one layer at a time as well. */
  #own: Promise<unknown> = Promise.resolve();

  prepare(): void {
    if (availableParallelism() < 2) return;
    const worker = (this.#worker ??= this.#openThread());
    worker?.postMessage('prepare' satisfies MeasureOrder);
  }

  expect(dir: string, options: LayerTarOptions, bytes: number): void {
    if (bytes < MIN_BYTES) return;
    this.#waiting.set(dir, { dir, options, bytes });
    this.#sendNext();
  }

  measure(dir: string, options: LayerTarOptions, signal: AbortSignal): Promise<LayerFacts> {
    const begun = this.#begun.get(dir);
    if (begun !== undefined) return this.#orOwn(begun, dir, options, signal);
    const facts = this.#own.then(async () => {
      // The thread may have come to it while this one was busy.
      const meanwhile = this.#begun.get(dir);
      if (meanwhile !== undefined) return this.#orOwn(meanwhile, dir, options, signal);
      this.#waiting.delete(dir);
      return measureLayer(dir, options, signal);
    });
    this.#own = facts.catch(() => undefined);
    return facts;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Else the end of one would begin the next.
    this.#waiting.clear();
    await this.#worker?.terminate();
  }

  async #orOwn(
    begun: Promise<LayerFacts | undefined>,
    dir: string,
    options: LayerTarOptions,
    signal: AbortSignal,
  ): Promise<LayerFacts> {
    return (await begun) ?? measureLayer(dir, options, signal);
  }

  #sendNext(): void {
    const [next] = this.#waiting.values();
    if (next === undefined || this.#isBusy) return;
    this.#waiting.delete(next.dir);
    this.#isBusy = true;
    this.#begun.set(next.dir, this.#inThread(next));
  }

  async #inThread(layer: ExpectedLayer): Promise<LayerFacts | undefined> {
    const worker = (this.#worker ??= this.#openThread());
    // It stays busy then, and gets nothing any more.
    if (worker === undefined) return undefined;
    const facts = await new Promise<LayerFacts | undefined>((resolve) => {
      this.#answer = resolve;
      worker.ref();
      worker.postMessage(layer satisfies MeasureOrder);
    });
    worker.unref();
    this.#isBusy = false;
    this.#sendNext();
    return facts;
  }

  #openThread(): Worker | undefined {
    const worker = tryOpenWorkerThread('layer/measure-worker');
    if (worker === undefined) return undefined;
    const gone = (): void => {
      this.#worker = undefined;
      this.#answer(undefined);
    };
    worker.on('error', gone).on('exit', gone);
    worker.on('message', (facts: LayerFacts | undefined) => {
      this.#answer(facts);
    });
    return worker;
  }
}
