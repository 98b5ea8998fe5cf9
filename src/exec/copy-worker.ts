import { parentPort, type MessagePort } from 'node:worker_threads';
import { runPlainCopy, type PlainCopy } from './plain-copy.ts';

/*
 * A thread that copies files for copy-pool.ts. It gets batches and answers each with how many of its
 * copies are done. At the first failure it leaves the rest of the batch: who asked tries it again, and
 * so meets the error where it can be reported.
 */

const parent = parentPort;
if (parent === null) throw new TypeError('This module is the program of a thread');

parent.once('message', (port: MessagePort) => {
  port.on('message', (batch: readonly PlainCopy[]) => {
    port.postMessage(copyAll(batch));
    // The answer is taken from the port when there is time; this only says that there is one.
    parent.postMessage('answered');
  });
});

function copyAll(batch: readonly PlainCopy[]): number {
  for (const [done, copy] of batch.entries()) {
    try {
      runPlainCopy(copy);
    } catch {
      return done;
    }
  }
  return batch.length;
}
