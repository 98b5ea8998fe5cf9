import { parentPort } from 'node:worker_threads';
import { hashHere } from './hash-aside.ts';
import { ChunkRing } from './chunk-ring.ts';
import { layerTar } from './layer-tar.ts';
import type { TarOrder, TarReport } from './tar-aside.ts';

/*
 * A thread that reads one layer for tar-aside.ts and hashes it. It reports each chunk that it put into the
 * ring, and at the end the diff id; nothing at all when it failed.
 */

const parent = parentPort;
if (parent === null) throw new TypeError('This module is the program of a thread');

const { signal } = new AbortController();

async function read({ dir, options, memory }: TarOrder): Promise<void> {
  const ring = new ChunkRing(memory);
  using hash = hashHere();
  const report = (message: TarReport): void => {
    parent?.postMessage(message);
  };
  for await (const chunk of layerTar(dir, options, signal, () => ring.room())) {
    ring.pass(chunk.length);
    report('chunk');
    // While the other thread works on it: nobody writes there before this thread does.
    hash.update(chunk);
  }
  report(await hash.finish());
}

parent.on('message', (order: TarOrder) => {
  read(order).then(
    () => undefined,
    () => process.exit(),
  );
});
