import { createHash } from 'node:crypto';
import { parentPort } from 'node:worker_threads';
import { finishDiffId } from '../core/sha256.ts';
import { ChunkRing, type RingMemory } from './chunk-ring.ts';

/* A thread that hashes what another one reads: the program of hash-aside.ts. It answers with the diff id. */

const parent = parentPort;
if (parent === null) throw new TypeError('This module is the program of a thread');

parent.on('message', (memory: RingMemory) => {
  const ring = new ChunkRing(memory);
  const hash = createHash('sha256');
  for (let chunk = ring.take(); chunk !== undefined; chunk = ring.take()) {
    hash.update(chunk.bytes);
    chunk.release();
  }
  parent.postMessage(finishDiffId(hash));
});
