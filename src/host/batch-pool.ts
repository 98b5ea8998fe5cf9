import { availableParallelism } from 'node:os';
import type { MessagePort, receiveMessageOnPort, Worker } from 'node:worker_threads';
import { tryOpenWorkerThread } from './worker-thread.ts';

/** Many small jobs of one kind, which any thread can do. Jobs and results are plain data. */
export interface BatchWork<Job, Result> {
  /** The program of the threads, for `openWorkerThread`. It calls `serveBatches` with the same `run`. */
  readonly program: string;
  /** About how many bytes a job reads or writes. */
  readonly bytesOf: (job: Job) => number;
  readonly run: (job: Job) => Result;
  /** Does a job that another thread may have begun. */
  readonly rerun: (job: Job) => Result;
}

/** Does jobs, with the help of other threads when there are many. */
export interface BatchPool<Job, Result> extends AsyncDisposable {
  /** Does the job now or soon, and calls `use`. Throws what this job or any earlier one threw. */
  add(job: Job, use: (result: Result) => void): void;
  /** Waits until all that was added is done. */
  finish(): Promise<void>;
  /** Ends the threads: nothing is done afterwards. */
  [Symbol.asyncDispose](): Promise<void>;
}

const BATCH_JOBS = 128;
const BATCH_BYTES = 4 << 20;
/** What takes one thread about as long as another takes to start. */
const ALONE_JOBS = 1024;
const ALONE_BYTES = 64 << 20;
/** One batch in work and one waiting, so that a helper never waits for us. */
const BATCHES_PER_HELPER = 2;
/** More threads would wait for the file system, not for a processor. */
const MAX_HELPERS = 3;

/** Opens no thread until there is enough to do. */
export function openBatchPool<Job, Result>(
  work: BatchWork<Job, Result>,
  helpers = Math.min(availableParallelism() - 1, MAX_HELPERS),
): BatchPool<Job, Result> {
  return new ThreadedPool(work, helpers);
}

interface Task<Job, Result> {
  readonly job: Job;
  readonly use: (result: Result) => void;
}

class ThreadedPool<Job, Result> implements BatchPool<Job, Result> {
  readonly #work: BatchWork<Job, Result>;
  readonly #maxHelpers: number;
  readonly #helpers: Helper<Job, Result>[] = [];
  #hasAsked = false;
  #batch: Task<Job, Result>[] = [];
  #batchBytes = 0;
  #jobs = 0;
  #bytes = 0;

  constructor(work: BatchWork<Job, Result>, maxHelpers: number) {
    this.#work = work;
    this.#maxHelpers = maxHelpers;
  }

  add(job: Job, use: (result: Result) => void): void {
    this.#batch.push({ job, use });
    this.#batchBytes += this.#work.bytesOf(job);
    if (this.#batch.length >= BATCH_JOBS || this.#batchBytes >= BATCH_BYTES) this.#dispatch();
  }

  async finish(): Promise<void> {
    this.#dispatch();
    for (const helper of this.#helpers) await helper.finish();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#helpers.map((helper) => helper.end()));
  }

  /** To a helper that has room; else this thread does it itself. */
  #dispatch(): void {
    const batch = this.#batch;
    this.#jobs += batch.length;
    this.#bytes += this.#batchBytes;
    this.#batch = [];
    this.#batchBytes = 0;
    if (this.#jobs > ALONE_JOBS || this.#bytes > ALONE_BYTES) this.#askForHelp();
    for (const helper of this.#helpers) if (helper.take(batch)) return;
    for (const { job, use } of batch) use(this.#work.run(job));
  }

  /** Where the host gives no more threads, those that are there do the work. */
  #askForHelp(): void {
    if (this.#hasAsked) return;
    this.#hasAsked = true;
    for (let i = 0; i < this.#maxHelpers; i++) {
      const worker = tryOpenWorkerThread(this.#work.program);
      if (worker === undefined) return;
      this.#helpers.push(new Helper(this.#work, worker));
    }
  }
}

/** One thread and the batches that it has not answered yet, oldest first. */
class Helper<Job, Result> {
  readonly #work: BatchWork<Job, Result>;
  readonly #worker: Worker;
  readonly #port: MessagePort;
  readonly #receive: typeof receiveMessageOnPort;
  #pending: (readonly Task<Job, Result>[])[] = [];
  #isGone = false;
  /** Called when there is an answer, and when the thread is gone. */
  #wake: () => void = () => undefined;

  constructor(work: BatchWork<Job, Result>, worker: Worker) {
    const threads = process.getBuiltinModule('node:worker_threads');
    const { port1, port2 } = new threads.MessageChannel();
    this.#work = work;
    this.#receive = threads.receiveMessageOnPort;
    this.#port = port1;
    this.#worker = worker;
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
  take(batch: readonly Task<Job, Result>[]): boolean {
    this.#readAnswers();
    if (this.#isGone || this.#pending.length >= BATCHES_PER_HELPER) return false;
    this.#pending.push(batch);
    this.#port.postMessage(batch.map(({ job }) => job));
    return true;
  }

  /** @throws what the jobs throw that the thread could not do */
  async finish(): Promise<void> {
    this.#readAnswers();
    while (this.#pending.length > 0 && !this.#isGone) {
      await this.#woken();
      this.#readAnswers();
    }
    // A thread that died may have begun any of them.
    for (const batch of this.#pending.splice(0)) this.#settle(batch, []);
  }

  async end(): Promise<void> {
    this.#port.close();
    await this.#worker.terminate();
  }

  /** Answers are read like this, not as events: whoever adds jobs does not let events in. */
  #readAnswers(): void {
    for (;;) {
      const answer = this.#receive(this.#port) as { readonly message: Result[] } | undefined;
      if (answer === undefined) return;
      this.#settle(this.#pending.shift() ?? [], answer.message);
    }
  }

  /** What the thread left undone is done here, to succeed or to fail where it can be reported. */
  #settle(batch: readonly Task<Job, Result>[], results: readonly Result[]): void {
    for (const [index, result] of results.entries()) batch[index]?.use(result);
    for (const { job, use } of batch.slice(results.length)) use(this.#work.rerun(job));
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
