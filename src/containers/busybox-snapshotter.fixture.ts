import { mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { makeBusyboxRoot } from '../sandbox/sandbox-rig.fixture.ts';
import type { SnapshotId, Snapshotter } from '../snapshot/snapshotter.ts';
import { openDirTree } from '../tree/dir-tree.ts';

/** What a container without `--rm` leaves, whatever it wrote. */
export const LEFT_FILES = 'left' as SnapshotId;

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
    prepare: () => {
      const root = makeBusyboxRoot(parent);
      const upper = mkdtempSync(join(parent, 'upper-'));
      const tree = openDirTree(root);
      return Promise.resolve({
        id: 'written' as SnapshotId,
        upper,
        parentTree: tree,
        tree,
        mount: () => Promise.resolve({ root, [Symbol.asyncDispose]: () => Promise.resolve() }),
        commit: (info) =>
          Promise.resolve({ ...info, id: LEFT_FILES, parent: undefined, dir: upper }),
        [Symbol.asyncDispose]: () => {
          for (const dir of [root, upper]) rmSync(dir, { recursive: true, force: true });
          return Promise.resolve();
        },
      });
    },
    get: unexpected,
    chain: unexpected,
    tree: unexpected,
    remove: unexpected,
    removeAll: unexpected,
    emptyTrash: unexpected,
    flush: unexpected,
    digests: { get: unexpected, put: unexpected, save: unexpected },
  };
}
