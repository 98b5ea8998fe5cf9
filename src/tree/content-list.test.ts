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
import { compareContentLists } from './content-list.ts';
import { openDirTree } from './dir-tree.ts';
import { selectionOf } from '../testing/selection.ts';

const { signal } = new AbortController();
let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'content-list-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

async function list(source: string): Promise<string> {
  const pieces: string[] = [];
  const keep = (text: string): void => void pieces.push(text);
  await hashSelection(openDirTree(dir), selectionOf(source), { keep }, signal);
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
    expect(compareContentLists(before, after, '/src')).toEqual([
      { path: 'src/becomes-link', what: 'type' },
      { path: 'src/content', what: 'content' },
      { path: 'src/gone', what: 'removed' },
      { path: 'src/line\nbreak', what: 'content' },
      { path: 'src/mode', what: 'mode' },
      { path: 'src/new/x', what: 'added' },
      { path: 'src/old/x', what: 'removed' },
    ]);
    expect(compareContentLists(after, after, '/src')).toEqual([]);
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
    expect(compareContentLists(before, after, source)).toEqual([{ path, what: 'content' }]);
  });
});

test('whatever files come, go and change, it names just those', async () => {
  const name = fc.constantFrom(
    'a',
    'a!',
    'a/b',
    'a/b/c',
    'a0',
    'b',
    'b/a',
    'b/é',
    'c\nd',
    'd/e/f/g',
  );
  const state = fc.dictionary(name, fc.constantFrom('1', '2', '3'));
  await fc.assert(
    fc.asyncProperty(state, state, async (before, after) => {
      const [old, now] = [await listOf(before), await listOf(after)];
      const changed = compareContentLists(old.text, now.text, '/').map(({ path }) => path);
      const paths = [...new Set([...Object.keys(old.files), ...Object.keys(now.files)])].sort();
      const isFile = (path: string): boolean => paths.includes(path);
      expect(changed.filter(isFile)).toEqual(
        paths.filter((path) => old.files[path] !== now.files[path]),
      );
    }),
    { numRuns: 60 },
  );
});

/** Lists a directory with these files; what would be below a file is left out. */
async function listOf(
  wanted: Readonly<Record<string, string>>,
): Promise<{ text: string; files: Readonly<Record<string, string>> }> {
  rmSync(dir, { recursive: true });
  mkdirSync(dir);
  const files: Record<string, string> = {};
  for (const path of Object.keys(wanted).sort()) {
    const isBelowFile = Object.keys(files).some((file) => path.startsWith(`${file}/`));
    if (isBelowFile) continue;
    mkdirSync(join(dir, path, '..'), { recursive: true });
    writeFileSync(join(dir, path), (files[path] = wanted[path] ?? ''));
  }
  return { text: await list('/'), files };
}

test('comes to an end with any text', () => {
  const text = fc.string({ unit: 'binary' });
  fc.assert(
    fc.property(text, text, (before, after) => {
      const changes = compareContentLists(
        `root contents\n${before}`,
        `root contents\n${after}`,
        '',
      );
      expect(changes.length).toBeLessThanOrEqual(before.length + after.length);
    }),
  );
});
