import { availableParallelism } from 'node:os';
import type { MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { openWorkerThread } from '../host/worker-thread.ts';
import { rerunPlainCopy, runPlainCopy, type PlainCopy } from './plain-copy.ts';

/** Copies regular files, with the help of other threads when there are many. */
export interface CopyPool extends AsyncDisposable {
  /** Copies the file now or soon. Errors are those of any file that was added before. */
  add(copy: PlainCopy): void;
  /** Waits until all that was added is copied. Call before the files are used. */
  finish(): Promise<void>;
  /** Ends the threads: nothing is written afterwards. */
  [Symbol.asyncDispose](): Promise<void>;
}

const BATCH_FILES = 128;
const BATCH_BYTES = 4 << 20;
/** What takes one thread about as long as another takes to start. */
const ALONE_FILES = 1024;
const ALONE_BYTES = 64 << 20;
/** One batch in work and one waiting, so that a helper never waits for us. */
const BATCHES_PER_HELPER = 2;
/** More threads would wait for the file system, not for a processor. */
const MAX_HELPERS = 3;

/** Opens no thread until there is enough to do. */
export function openCopyPool(
  helpers = Math.min(availableParallelism() - 1, MAX_HELPERS),
): CopyPool {
  return new ThreadedCopyPool(helpers);
}

class ThreadedCopyPool implements CopyPool {
  readonly #maxHelpers: number;
  #helpers: readonly Helper[] | undefined;
  #batch: PlainCopy[] = [];
  #batchBytes = 0;
  #files = 0;
  #bytes = 0;

  constructor(maxHelpers: number) {
    this.#maxHelpers = maxHelpers;
  }

  add(copy: PlainCopy): void {
    this.#batch.push(copy);
    this.#batchBytes += copy.size;
    if (this.#batch.length >= BATCH_FILES || this.#batchBytes >= BATCH_BYTES) this.#dispatch();
  }

  async finish(): Promise<void> {
    this.#dispatch();
    for (const helper of this.#helpers ?? []) await helper.finish();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all((this.#helpers ?? []).map((helper) => helper.end()));
  }

  /** To a helper that has room; else this thread does it itself. */
  #dispatch(): void {
    const batch = this.#batch;
    this.#files += batch.length;
    this.#bytes += this.#batchBytes;
    this.#batch = [];
    this.#batchBytes = 0;
    if (this.#files > ALONE_FILES || this.#bytes > ALONE_BYTES) {
      this.#helpers ??= Array.from({ length: this.#maxHelpers }, () => new Helper());
    }
    for (const helper of this.#helpers ?? []) if (helper.take(batch)) return;
    for (const copy of batch) runPlainCopy(copy);
  }
}

/** One thread and the batches that it has not answered yet, oldest first. */
class Helper {
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #receive: typeof receiveMessageOnPort;
  #pending: (readonly PlainCopy[])[] = [];
  #isGone = false;
  /** Called when there is an answer, and when the thread is gone. */
  #wake: () => void = () => undefined;

  constructor() {
    const threads = process.getBuiltinModule('node:worker_threads');
    const { port1, port2 } = new threads.MessageChannel();
    this.#receive = threads.receiveMessageOnPort;
    this.#port = port1;
    this.#worker = openWorkerThread('exec/copy-worker');
    this.#worker.postMessage(port2, [port2]);
    const gone = (): void => {
      this.#isGone = true;
      this.#wake();
    };
    this.#worker.on('error', gone);
    this.#worker.on('exit', gone);
    this.#worker.on('message', () => {
      this.#wake();
    });
  }

  /** False when it has enough to do, or cannot do anything any more. */
  take(batch: readonly PlainCopy[]): boolean {
    this.#readAnswers();
    if (this.#isGone || this.#pending.length >= BATCHES_PER_HELPER) return false;
    this.#pending.push(batch);
    this.#port.postMessage(batch);
    return true;
  }

  /** @throws what the copies throw that the thread could not make */
  async finish(): Promise<void> {
    this.#readAnswers();
    while (this.#pending.length > 0 && !this.#isGone) {
      await this.#woken();
      this.#readAnswers();
    }
    // A thread that died may have begun any of them.
    for (const batch of this.#pending.splice(0)) batch.forEach(rerunPlainCopy);
  }

  async end(): Promise<void> {
    this.#port.close();
    await this.#worker.terminate();
  }

  /** Answers are read like this, not as events: whoever adds files does not let events in. */
  #readAnswers(): void {
    for (;;) {
      const answer = this.#receive(this.#port) as { readonly message: number } | undefined;
      if (answer === undefined) return;
      const batch = this.#pending.shift() ?? [];
      batch.slice(answer.message).forEach(rerunPlainCopy);
    }
  }

  #woken(): Promise<void> {
    // While somebody waits for it, the thread does keep the process alive.
    this.#worker.ref();
    return new Promise<void>((resolve) => {
      this.#wake = resolve;
    }).finally(() => {
      this.#wake = () => undefined;
      this.#worker.unref();
    });
  }
}
