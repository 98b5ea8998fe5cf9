import { parentPort } from 'node:worker_threads';
import { hashAside, hashHere } from './hash-aside.ts';
import type { ExpectedLayer } from './layer-measurer.ts';
import { measureLayer } from './measure-layer.ts';

/*
 * A thread that measures layers for layer-measurer.ts, one after the other. It answers a directory that
 * it could not measure with undefined: who asked measures it again, and so meets the error itself.
 */

const parent = parentPort;
if (parent === null) throw new TypeError('This module is the program of a thread');

const { signal } = new AbortController();

/** What hashing takes in a thread of its own is worth starting it. */
const ASIDE_BYTES = 64 << 20;

parent.on('message', ({ dir, options, bytes }: ExpectedLayer) => {
  measureLayer(dir, options, signal, bytes < ASIDE_BYTES ? hashHere : hashAside).then(
    (facts) => {
      parent.postMessage(facts);
    },
    () => {
      parent.postMessage(undefined);
    },
  );
});
