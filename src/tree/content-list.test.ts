import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { hashSelection } from './content-hash.ts';
import { compareContentLists, parseContentList } from './content-list.ts';
import { openDirTree } from './dir-tree.ts';
import type { Selection } from './select-files.ts';

const { signal } = new AbortController();
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'content-list-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

const selection = (source: string): Selection => ({
  source,
  followsSymlink: true,
  allowsWildcard: true,
  copiesDirContents: true,
  keepsParents: false,
  excludes: [],
});

async function list(source: string): Promise<string> {
  const pieces: string[] = [];
  const keep = (text: string): void => void pieces.push(text);
  await hashSelection(openDirTree(dir), selection(source), { keep }, signal);
  return pieces.join('');
}

describe('compareContentLists()', () => {
  test('names what differs between two hashes of the same files, and nothing else', async () => {
    mkdirSync(join(dir, 'src/old'), { recursive: true });
    for (const name of [
      'same',
      'content',
      'mode',
      'gone',
      'becomes-link',
      'old/x',
      'line\nbreak',
    ]) {
      writeFileSync(join(dir, 'src', name), name);
    }
    const before = await list('/src');
    writeFileSync(join(dir, 'src/content'), 'other');
    chmodSync(join(dir, 'src/mode'), 0o600);
    rmSync(join(dir, 'src/gone'));
    rmSync(join(dir, 'src/becomes-link'));
    symlinkSync('same', join(dir, 'src/becomes-link'));
    renameSync(join(dir, 'src/old'), join(dir, 'src/new'));
    writeFileSync(join(dir, 'src/line\nbreak'), 'other');
    const after = await list('/src');
    const read = (text: string): ReturnType<typeof parseContentList> =>
      parseContentList(text, '/src');
    expect(compareContentLists(read(before), read(after))).toEqual([
      { path: 'src/becomes-link', what: 'type' },
      { path: 'src/content', what: 'content' },
      { path: 'src/gone', what: 'removed' },
      { path: 'src/line\nbreak', what: 'content' },
      { path: 'src/mode', what: 'mode' },
      { path: 'src/new/x', what: 'added' },
      { path: 'src/old/x', what: 'removed' },
    ]);
    expect(compareContentLists(read(after), read(after))).toEqual([]);
  });

  test.each([
    ['a file', '/package.json', 'package.json'],
    ['a wildcard', '/*.json', 'package.json'],
    ['everything', '/', 'package.json'],
    ['a relative name', './package.json', 'package.json'],
  ])('names paths of the tree when %s was copied', async (_what, source, path) => {
    writeFileSync(join(dir, 'package.json'), 'a');
    const before = await list(source);
    writeFileSync(join(dir, 'package.json'), 'b');
    const after = await list(source);
    const [old, now] = [before, after].map((text) => parseContentList(text, source));
    expect(old && now && compareContentLists(old, now)).toEqual([{ path, what: 'content' }]);
  });
});

test('parseContentList() comes to an end with any text', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(parseContentList(`root contents\n${text}`, '').size).toBeLessThanOrEqual(text.length);
    }),
  );
});
