import fc from 'fast-check';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { describe, expect, test } from 'vitest';
import { enterPrivateMountNamespace } from '../host/mount-namespace.ts';
import { mount, umount } from '../host/mount.ts';
import { lsetxattr } from '../host/xattr.ts';
import { hostListing, listing, openFileOpRig, type Made } from '../testing/file-op-rig.ts';
import { openChainTree } from './chain-tree.ts';

const isRoot = process.geteuid?.() === 0;

const kinds = fc.constantFrom<Made | 'opaque'>(
  { text: 'F' },
  { text: 'other', mode: 0o600 },
  { symlink: 'a' },
  { type: 'whiteout' },
  { type: 'directory' },
  'opaque',
);
const names = fc.constantFrom('a', 'b', 'a/a', 'a/b', 'b/a', 'b/b', 'a/a/a', 'a/a/b', 'b/a/a');
const layer = fc.uniqueArray(fc.tuple(names, kinds), { selector: ([name]) => name, maxLength: 6 });

describe.runIf(isRoot)('openChainTree()', () => {
  test('shows what the kernel shows when the same directories are mounted', () => {
    enterPrivateMountNamespace();
    const empty = mkdtempSync(path.join(tmpdir(), 'chain-empty-'));
    const seen = { whiteouts: 0, opaques: 0 };
    try {
      fc.assert(
        fc.property(fc.array(layer, { minLength: 2, maxLength: 4 }), (layers) => {
          const rig = openFileOpRig();
          const target = path.join(rig.dir, 'mounted');
          mkdirSync(target);
          try {
            const dirs = layers.map((files, i) => {
              // Directories first; below anything else there is nothing.
              const sorted = [...files].sort(([a], [b]) => (a < b ? -1 : 1));
              const blocked = sorted.filter(
                ([, kind]) => kind !== 'opaque' && kind.type !== 'directory',
              );
              const fitting = sorted.filter(
                ([name]) => !blocked.some(([other]) => name.startsWith(`${other}/`)),
              );
              const made = fitting.map(([name, kind]): [string, Made] =>
                kind === 'opaque' || kind.type === 'directory' ? [`${name}/`, {}] : [name, kind],
              );
              const root = rig.make(`layer-${i}`, Object.fromEntries(made));
              for (const [name, kind] of fitting) {
                if (kind === 'opaque') {
                  lsetxattr(path.join(root, name), 'trusted.overlay.opaque', Buffer.from('y'));
                  seen.opaques++;
                } else if (kind.type === 'whiteout') seen.whiteouts++;
              }
              return root;
            });
            mount({
              source: 'overlay',
              target,
              type: 'overlay',
              options: `lowerdir=${[...dirs, empty].join(':')}`,
            });
            try {
              const expected = hostListing(target);
              expect(listing({ tree: openChainTree(dirs) })).toEqual(expected);
              expect(listing({ tree: openChainTree(dirs, { isTopWritable: true }) })).toEqual(
                expected,
              );
            } finally {
              umount(target, { lazily: true });
            }
          } finally {
            rig.dispose();
          }
        }),
        { numRuns: 60 },
      );
      expect(Math.min(seen.whiteouts, seen.opaques)).toBeGreaterThan(10);
    } finally {
      rmSync(empty, { recursive: true });
    }
  });
});
