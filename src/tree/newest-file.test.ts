import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openDirTree } from './dir-tree.ts';
import { newestFile } from './newest-file.ts';

const { signal } = new AbortController();
let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'newest-file-'));
});
afterEach(() => rmSync(dir, { recursive: true }));

test('a tree is as old as its newest file; directories and links do not count', async () => {
  mkdirSync(join(dir, 'a', 'b'), { recursive: true });
  symlinkSync('nowhere', join(dir, 'link'));
  const tree = openDirTree(dir);
  expect(await newestFile(tree, signal)).toBeUndefined();
  writeFileSync(join(dir, 'a', 'b', 'new'), '');
  writeFileSync(join(dir, 'old'), '');
  utimesSync(join(dir, 'a', 'b', 'new'), 1_600_000_000.9, 1_600_000_000.9);
  utimesSync(join(dir, 'old'), 1_500_000_000, 1_500_000_000);
  expect(await newestFile(tree, signal)).toBe(1_600_000_000);
});
