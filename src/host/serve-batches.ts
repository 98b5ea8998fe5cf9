import { parentPort, type MessagePort } from 'node:worker_threads';
import type { BatchWork } from './batch-pool.ts';

/**
 * The program of a thread of batch-pool.ts. It answers each batch with the results of its jobs, up to
 * the first one that fails: who asked does the rest, and so meets the error where it can be reported.
 */
export function serveBatches({ run }: BatchWork<never, unknown>): void {
  const parent = parentPort;
  if (parent === null) throw new TypeError('This module is the program of a thread');
  parent.once('message', (port: MessagePort) => {
    port.on('message', (batch: readonly never[]) => {
      port.postMessage(runAll(batch, run));
      // The answer is taken from the port when there is time; this only says that there is one.
      parent.postMessage('answered');
    });
  });
}

function runAll(batch: readonly never[], run: (job: never) => unknown): unknown[] {
  const results: unknown[] = [];
  for (const job of batch) {
    try {
      results.push(run(job));
    } catch {
      break;
    }
  }
  return results;
}
