import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { replaceFile } from './replace-file.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'replace-file-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

test.each([
  ['a text', 'añb', 'añb'],
  ['bytes', Buffer.from('bytes'), 'bytes'],
  ['pieces', [Buffer.from('one'), Buffer.alloc(0), Buffer.from('two')], 'onetwo'],
  ['nothing', [], ''],
])('replaceFile() writes %s', (_, content, expected) => {
  const path = join(dir, 'f');
  replaceFile(path, 'former and longer');
  replaceFile(path, content, 0o644);
  expect(readFileSync(path, 'utf8')).toBe(expected);
  expect(statSync(path).mode & 0o777).toBe(0o644);
  expect(readdirSync(dir)).toEqual(['f']);
});

test('replaceFile() leaves the former file and nothing else when its content cannot be had', () => {
  function* failing(): Generator<Uint8Array> {
    yield Buffer.from('beginning');
    throw new Error('no more');
  }
  const path = join(dir, 'f');
  replaceFile(path, 'former');
  expect(() => {
    replaceFile(path, failing());
  }).toThrow('no more');
  expect(readFileSync(path, 'utf8')).toBe('former');
  expect(readdirSync(dir)).toEqual(['f']);
});
