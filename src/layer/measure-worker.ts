import { parentPort } from 'node:worker_threads';
import { hashAside, hashHere, type DiffIdHash } from './hash-aside.ts';
import type { MeasureOrder } from './layer-measurer.ts';
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

/** Waits for the next large layer. */
let prepared: DiffIdHash | undefined;

function openHash(bytes: number): DiffIdHash {
  if (bytes < ASIDE_BYTES) return hashHere();
  const hash = prepared ?? hashAside();
  prepared = undefined;
  return hash;
}

parent.on('message', (order: MeasureOrder) => {
  if (order === 'prepare') {
    prepared ??= hashAside();
    return;
  }
  const { dir, options, bytes } = order;
  measureLayer(dir, options, signal, () => openHash(bytes)).then(
    (facts) => {
      parent.postMessage(facts);
    },
    () => {
      parent.postMessage(undefined);
    },
  );
});
