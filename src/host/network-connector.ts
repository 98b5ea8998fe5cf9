import { closeSync, openSync } from 'node:fs';
import type { Worker } from 'node:worker_threads';
import { tryOpenWorkerThread } from './worker-thread.ts';

/** Opens connections inside of a network namespace, from a process that is outside. */
export interface NetworkConnector extends AsyncDisposable {
  /**
   * A TCP connection to a port on the namespace's loopback: a descriptor that does not block and may still
   * be connecting.
   * @throws Error when it is refused at once
   */
  connect(port: number): Promise<number>;
}

/** To the thread. `enter` comes first. */
export type ConnectRequest = { readonly id: number } & (
  | { readonly kind: 'enter'; readonly fd: number }
  | { readonly kind: 'connect'; readonly port: number }
);

/** From the thread. */
export type ConnectAnswer = { readonly id: number } & (
  { readonly fd: number } | { readonly error: string }
);

/**
 * A connector for the namespace that the file `path` stands for. A thread goes in and stays there: from a
 * user namespace there is no way back to the network of the host (setns(2)). Undefined where the host gives
 * this process no more threads.
 * @throws Error when the namespace cannot be entered
 */
export async function openNetworkConnector(path: string): Promise<NetworkConnector | undefined> {
  const fd = openSync(path, 'r');
  let worker: Worker | undefined;
  let ask: ReturnType<typeof createAsker>;
  try {
    worker = tryOpenWorkerThread('host/network-worker');
    if (worker === undefined) return undefined;
    ask = createAsker(worker);
    await ask({ kind: 'enter', fd });
  } catch (error) {
    await worker?.terminate();
    throw error;
  } finally {
    closeSync(fd);
  }
  return {
    connect: (port) => ask({ kind: 'connect', port }),
    [Symbol.asyncDispose]: async () => {
      await worker.terminate();
    },
  };
}

interface Waiting {
  readonly resolve: (fd: number) => void;
  readonly reject: (error: Error) => void;
}

type Question = ConnectRequest extends infer Each
  ? Each extends ConnectRequest
    ? Omit<Each, 'id'>
    : never
  : never;

function createAsker(worker: Worker): (question: Question) => Promise<number> {
  const waiting = new Map<number, Waiting>();
  let count = 0;
  let ended: Error | undefined;
  worker.on('message', (answer: ConnectAnswer) => {
    const asked = waiting.get(answer.id);
    waiting.delete(answer.id);
    if (waiting.size === 0) worker.unref();
    if ('fd' in answer) asked?.resolve(answer.fd);
    else asked?.reject(new Error(answer.error));
  });
  const end = (error: Error): void => {
    ended ??= error;
    for (const { reject } of waiting.values()) reject(ended);
    waiting.clear();
  };
  worker.on('error', end);
  worker.on('exit', () => {
    end(new Error('The thread in the network namespace has ended'));
  });
  return (question) =>
    new Promise((resolve, reject) => {
      if (ended !== undefined) {
        reject(ended);
        return;
      }
      const id = count++;
      waiting.set(id, { resolve, reject });
      // What is waited for keeps the process; a thread that only waits does not.
      worker.ref();
      worker.postMessage({ ...question, id });
    });
}
