import { rmSync } from 'node:fs';
import { makeBusyboxRoot } from '../sandbox/sandbox.contract.ts';
import type { Snapshotter } from '../snapshot/snapshotter.ts';

/** A snapshotter that knows one image, of busybox, and only how to show it: below `parent`. */
export function busyboxSnapshotter(parent: string): Snapshotter {
  const unexpected = (): never => {
    throw new Error('not needed to run a container');
  };
  return {
    view: () => {
      const root = makeBusyboxRoot(parent);
      return Promise.resolve({
        root,
        [Symbol.asyncDispose]: () => {
          rmSync(root, { recursive: true, force: true });
          return Promise.resolve();
        },
      });
    },
    prepare: unexpected,
    get: unexpected,
    chain: unexpected,
    tree: unexpected,
    remove: unexpected,
    removeAll: unexpected,
    emptyTrash: unexpected,
    flush: unexpected,
  };
}
