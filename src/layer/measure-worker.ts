import { parentPort } from 'node:worker_threads';
import type { LayerTarOptions } from './layer-tar.ts';
import { measureLayer } from './measure-layer.ts';

/*
 * A thread that measures layers for layer-measurer.ts, one after the other. It answers a directory that
 * it could not measure with undefined: who asked measures it again, and so meets the error itself.
 */

const parent = parentPort;
if (parent === null) throw new TypeError('This module is the program of a thread');

const { signal } = new AbortController();

parent.on('message', ({ dir, options }: { dir: string; options: LayerTarOptions }) => {
  measureLayer(dir, options, signal).then(
    (facts) => {
      parent.postMessage(facts);
    },
    () => {
      parent.postMessage(undefined);
    },
  );
});
