import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { BytePath } from '../core/bytes.ts';
import { openDirTree } from './dir-tree.ts';
import type { FileTree, TreeNode } from './file-tree.ts';
import { KNOWN, ListedDirectory } from './listed-directory.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'listed-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

const NAMES = ['a', 'b', 'c', 'd', 'e', 'link', 'sub', 'gone'];

function rootOf(tree: FileTree): TreeNode {
  const root = tree.lookup('/' as BytePath, { followsLast: false });
  if (root === undefined) throw new Error('A tree has a root');
  return root;
}

function fill(): void {
  for (const name of NAMES.slice(0, 5)) writeFileSync(join(dir, name), name);
  symlinkSync('a', join(dir, 'link'));
  mkdirSync(join(dir, 'sub'));
}

test('whatever is asked first, and how often, a tree that remembers says what one says that looks', () => {
  fill();
  const question = fc.oneof(fc.constantFrom(...NAMES), fc.constant(undefined));
  fc.assert(
    fc.property(fc.array(question, { maxLength: 30 }), (questions) => {
      const looking = openDirTree(dir);
      const remembering = openDirTree(dir, { remembers: true });
      const ask = (tree: FileTree, name: string | undefined): unknown =>
        name === undefined ? tree.list(rootOf(tree)) : tree.child(rootOf(tree), name as BytePath);
      for (const name of questions) expect(ask(remembering, name)).toEqual(ask(looking, name));
    }),
  );
});

test('what was looked at stays as it was: content, type, absence and names', () => {
  fill();
  const tree = openDirTree(dir, { remembers: true });
  const before = tree.child(rootOf(tree), 'gone' as BytePath);
  const names = tree.list(rootOf(tree));
  const nodes = names.map((name) => tree.child(rootOf(tree), name));
  writeFileSync(join(dir, 'a'), 'another content');
  rmSync(join(dir, 'b'));
  rmSync(join(dir, 'link'));
  writeFileSync(join(dir, 'gone'), 'there now');
  expect(tree.list(rootOf(tree))).toEqual(names);
  expect(names.map((name) => tree.child(rootOf(tree), name))).toEqual(nodes);
  expect([before, tree.child(rootOf(tree), 'gone' as BytePath)]).toEqual([undefined, undefined]);
});

test('finds names in any order, and only those that are there', () => {
  const names = ['a', 'b', 'm', 'z'] as BytePath[];
  const listed = new ListedDirectory(names);
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...names, 'c' as BytePath, '' as BytePath)), (asked) => {
      for (const name of asked) {
        const at = names.indexOf(name);
        expect(listed.indexOf(name)).toBe(at < 0 ? undefined : at);
      }
    }),
  );
  expect(listed.knownOf(0)).toBe(KNOWN.nothing);
});
