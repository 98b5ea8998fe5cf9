import { mkdirSync, mkdtempSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { textToBytes } from '../core/bytes.ts';
import { openContext } from '../tree/context-tree.ts';
import { isInState } from './path-state.ts';
import { tracePaths, type LookedAt } from './trace-paths.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'trace-paths-'));
  mkdirSync(join(dir, 'src'));
  writeFileSync(join(dir, 'src/a'), 'a');
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

/** A build that copied `src` and looked for `missing`, in a context that is named `context`. */
function lookedAt(context = dir, paths: readonly string[] = []): LookedAt {
  const tree = openContext(dir, undefined);
  const src = tree.lookup(textToBytes('/src'), { followsLast: true });
  if (src === undefined) throw new Error('There is no src');
  for (const name of tree.list(src)) tree.child(src, name);
  tree.lookup(textToBytes('/missing'), { followsLast: true });
  return { seen: tree.seen?.() ?? [], context, paths };
}

/** Long enough after all that was written. */
const later = (): number => Date.now() + 10_000;

test('all that was looked at is traced, with its state', () => {
  writeFileSync(join(dir, 'Dockerfile'), 'FROM scratch');
  const traced = tracePaths(lookedAt(dir, [join(dir, 'Dockerfile')]), later()) ?? [];
  const found = traced.map(([aspect, path]) => `${aspect} ${path.slice(dir.length)}`);
  expect(found.sort()).toEqual([
    'file /Dockerfile',
    'names /src',
    'node ',
    'node /missing',
    'node /src/a',
    'place ',
  ]);
  expect(traced.every(([aspect, path, state]) => isInState(path, aspect, state))).toBe(true);
  writeFileSync(join(dir, 'src/b'), 'b');
  expect(traced.every(([aspect, path, state]) => isInState(path, aspect, state))).toBe(false);
});

test('nothing is traced where a file was written since, or a moment before', () => {
  expect(tracePaths(lookedAt(), Date.now())).toBeUndefined();
  const looked = lookedAt(dir, [join(dir, 'src/late')]);
  expect(tracePaths(looked, later())).toBeDefined();
  writeFileSync(join(dir, 'src/late'), '');
  utimesSync(join(dir, 'src/late'), 1, 1);
  expect(tracePaths(lookedAt(dir, [join(dir, 'src/late')]), Date.now())).toBeUndefined();
});

test('what was looked at late must be on a file system that this kernel dates', () => {
  expect(tracePaths(lookedAt(dir, ['/proc/self/status']), later())).toBeUndefined();
});

test('nothing is traced when the name of the context leads elsewhere by now', () => {
  const link = join(dir, 'link');
  symlinkSync(dir, link);
  expect(tracePaths(lookedAt(link), later())).toBeDefined();
  rmSync(link);
  symlinkSync(tmpdir(), link);
  expect(tracePaths(lookedAt(link), later())).toBeUndefined();
});

test('nothing is traced of very many files', () => {
  for (let i = 0; i < 4000; i++) writeFileSync(join(dir, `src/${String(i)}`), '');
  expect(tracePaths(lookedAt(), later())).toBeUndefined();
});
