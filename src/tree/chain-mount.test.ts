import fc from 'fast-check';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { textToBytes } from '../core/bytes.ts';
import { enterPrivateMountNamespace } from '../host/mount-namespace.ts';
import { mount, umount } from '../host/mount.ts';
import { lsetxattr } from '../host/xattr.ts';
import {
  hostListing,
  listing,
  openFileOpRig,
  type FileOpRig,
  type Made,
} from '../testing/file-op-rig.ts';
import { openChainTree, openStackTree } from './chain-tree.ts';
import type { FileTree } from './file-tree.ts';
import { LayerStack } from './layer-stack.ts';

const isRoot = process.geteuid?.() === 0;

const kinds = fc.constantFrom<Made | 'opaque'>(
  { text: 'F' },
  { text: 'other', mode: 0o600 },
  { symlink: 'a' },
  { type: 'whiteout' },
  { type: 'directory' },
  'opaque',
);
const NAMES = ['a', 'b', 'a/a', 'a/b', 'b/a', 'b/b', 'a/a/a', 'a/a/b', 'b/a/a'];
type Layer = readonly (readonly [string, Made | 'opaque'])[];
const layer: fc.Arbitrary<Layer> = fc.uniqueArray(fc.tuple(fc.constantFrom(...NAMES), kinds), {
  selector: ([name]) => name,
  maxLength: 6,
});

/** So many that host directories are remembered by name. */
const manyLayers = fc.array(layer, { minLength: 12, maxLength: 24 });

describe.runIf(isRoot)('openChainTree()', () => {
  test('shows what the kernel shows when the same directories are mounted', () => {
    const seen = { whiteouts: 0, opaques: 0 };
    withMounts((mounted) => {
      fc.assert(
        fc.property(fc.array(layer, { minLength: 2, maxLength: 4 }), (layers) => {
          using rig = disposable(openFileOpRig());
          const dirs = layers.map((files, i) => makeLayer(rig.made, `layer-${String(i)}`, files));
          for (const kind of layers.flat().map(([, kind]) => kind)) {
            if (kind === 'opaque') seen.opaques++;
            else if (kind.type === 'whiteout') seen.whiteouts++;
          }
          const expected = mounted(rig.made, dirs);
          expect(listing({ tree: openChainTree(dirs) })).toEqual(expected);
          expect(listing({ tree: openChainTree(dirs, { isTopWritable: true }) })).toEqual(expected);
        }),
        { numRuns: 60 },
      );
    });
    expect(Math.min(seen.whiteouts, seen.opaques)).toBeGreaterThan(10);
  });
});

describe.runIf(isRoot)('openStackTree()', () => {
  test('shows what the kernel shows of each height, in whatever order that is asked for', () => {
    withMounts((mounted) => {
      fc.assert(
        fc.property(
          manyLayers,
          fc.array(fc.nat(), { minLength: 3, maxLength: 6 }),
          (layers, numbers) => {
            using rig = disposable(openFileOpRig());
            const stacks: LayerStack[] = [];
            for (const [i, files] of layers.entries()) {
              const below = stacks.at(-1) ?? LayerStack.of([]);
              stacks.push(below.with(makeLayer(rig.made, `layer-${String(i)}`, files)));
            }
            const dirs = layers.map((_, i) => path.join(rig.made.dir, `layer-${String(i)}`));
            for (const number of numbers) {
              const height = 1 + (number % layers.length);
              const tree = openStackTree(stacks[height - 1] ?? LayerStack.of([]));
              const expected = mounted(rig.made, dirs.slice(0, height).reverse());
              // Some names are looked for before anything is listed.
              const names = number % 2 === 0 ? NAMES : NAMES.slice(number % NAMES.length);
              expect(names.filter((name) => isThere(tree, name))).toEqual(
                names.filter((name) => expected.some((line) => line.startsWith(`/${name} `))),
              );
              if (number % 3 > 0) expect(listing({ tree })).toEqual(expected);
            }
          },
        ),
        { numRuns: 60 },
      );
    });
  });
});

/** Gives what the kernel shows of directories, top first. */
type Mounted = (rig: FileOpRig, dirs: readonly string[]) => string[];

function withMounts(work: (mounted: Mounted) => void): void {
  enterPrivateMountNamespace();
  const empty = mkdtempSync(path.join(tmpdir(), 'chain-empty-'));
  const mounted: Mounted = (rig, dirs) => {
    const target = path.join(rig.dir, 'mounted');
    mkdirSync(target, { recursive: true });
    const options = `lowerdir=${[...dirs, empty].join(':')}`;
    mount({ source: 'overlay', target, type: 'overlay', options });
    try {
      return hostListing(target);
    } finally {
      umount(target, { lazily: true });
    }
  };
  try {
    work(mounted);
  } finally {
    rmSync(empty, { recursive: true });
  }
}

function makeLayer(rig: FileOpRig, name: string, files: Layer): string {
  // Directories first; below anything else there is nothing.
  const sorted = [...files].sort(([a], [b]) => (a < b ? -1 : 1));
  const blocked = sorted.filter(([, kind]) => kind !== 'opaque' && kind.type !== 'directory');
  const fitting = sorted.filter(
    ([file]) => !blocked.some(([other]) => file.startsWith(`${other}/`)),
  );
  const made = fitting.map(([file, kind]): [string, Made] =>
    kind === 'opaque' || kind.type === 'directory' ? [`${file}/`, {}] : [file, kind],
  );
  const root = rig.make(name, Object.fromEntries(made));
  for (const [file, kind] of fitting) {
    if (kind !== 'opaque') continue;
    lsetxattr(path.join(root, file), 'trusted.overlay.opaque', Buffer.from('y'));
  }
  return root;
}

function isThere(tree: FileTree, name: string): boolean {
  // Step by step, as links would lead elsewhere.
  let node = tree.lookup(textToBytes('/'), { followsLast: false });
  for (const part of name.split('/')) {
    node = node === undefined ? undefined : tree.child(node, textToBytes(part));
  }
  return node !== undefined;
}

function disposable(rig: FileOpRig): Disposable & { readonly made: FileOpRig } {
  return { made: rig, [Symbol.dispose]: () => rig.dispose() };
}
