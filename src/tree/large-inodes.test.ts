import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { BytePath } from '../core/bytes.ts';
import type { TreeNode } from './file-tree.ts';
import { isSameFile, openHashCache } from './hash-cache.ts';
import { ListedDirectory } from './listed-directory.ts';
import { inodeOf } from './node.ts';

/** Neighbours, as overlayfs gives them with xino; as numbers they are one and the same. */
const LARGE = [2n ** 63n + 2n ** 57n, 2n ** 63n + 2n ** 57n + 1n] as const;

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'large-inodes-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

function fileOf(inode: bigint): TreeNode {
  const path = '/f' as BytePath;
  const ids = { uid: 0, gid: 0, dev: 7, ino: inodeOf(inode), nlink: 1, rdev: 0 };
  const times = { mtimeNs: 5n, ctimeNs: 5n };
  return { path, hostPath: path, type: 'file', mode: 0o644, size: 3, ...ids, ...times };
}

test('an inode is a number as long as numbers can tell it from the next one', () => {
  expect(inodeOf(2n ** 53n - 1n)).toBe(2 ** 53 - 1);
  expect(inodeOf(2n ** 53n)).toBe(2n ** 53n);
});

test('files of one size and time with neighbouring large inodes have digests of their own', () => {
  const open = (): ReturnType<typeof openHashCache> =>
    openHashCache({ file: join(dir, 'digests'), settled: { has: () => true } });
  const [first, second] = LARGE.map(fileOf) as [TreeNode, TreeNode];
  expect(isSameFile(first, second)).toBe(false);
  const cache = open();
  cache.put(first, Buffer.alloc(32, 1));
  expect(cache.get(second)).toBeUndefined();
  cache.put(second, Buffer.alloc(32, 2));
  cache.save();
  const later = open();
  expect(later.get(first)).toEqual(Buffer.alloc(32, 1));
  expect(later.get(second)).toEqual(Buffer.alloc(32, 2));
});

test('a listed directory gives back inodes as they were', () => {
  const inodes = [...LARGE, 5n, 2n ** 53n - 1n];
  const listed = new ListedDirectory(inodes.map((_, i) => `n${String(i)}` as BytePath));
  for (const [index, inode] of inodes.entries()) listed.keep(index, fileOf(inode));
  const found = inodes.map((_, index) => listed.node(index, fileOf(1n), undefined).ino);
  expect(found).toEqual(inodes.map((inode) => fileOf(inode).ino));
});
