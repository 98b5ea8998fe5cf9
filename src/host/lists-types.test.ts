import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { listsTypes } from './lists-types.ts';

const dir = mkdtempSync(join(tmpdir(), 'lists-types-'));

afterAll(() => {
  rmSync(dir, { recursive: true });
});

test('a file system that lists types is seen as such, by the first entry that is not "." or ".."', () => {
  mkdirSync(join(dir, '...a'));
  expect(listsTypes(dir)).toBe(true);
});

test('a directory that cannot be listed is an error, and not an answer', () => {
  expect(() => listsTypes(join(dir, 'none'))).toThrow('ENOENT');
});
