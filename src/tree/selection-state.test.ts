import {
  chmodSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createBreather } from '../core/breathe.ts';
import { parseIgnoreFile } from '../dockerfile/ignore-file.ts';
import { lsetxattr } from '../host/xattr.ts';
import { selectionOf } from '../testing/selection.ts';
import { openChainTree } from './chain-tree.ts';
import { hashSelection } from './content-hash.ts';
import { openContext } from './context-tree.ts';
import type { FileTree } from './file-tree.ts';
import { openHashCache, type HashCacheOptions } from './hash-cache.ts';
import { selectFiles, type Selection } from './select-files.ts';
import { openSelectionMemo, type SelectionMemo } from './selection-memo.ts';
import { settledFiles } from './settled-files.ts';
import { readSelectionState, type SelectionState } from './selection-state.ts';

const { signal } = new AbortController();

let dir: string;
let context: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'state-'));
  context = join(dir, 'context');
  mkdirSync(join(context, 'd/s'), { recursive: true });
  writeFileSync(join(context, 'd/f'), 'F', { mode: 0o644 });
  writeFileSync(join(context, 'd/s/g'), 'G', { mode: 0o644 });
  symlinkSync('f', join(context, 'd/l'));
});
afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

const selection = (more: Partial<Selection> = {}): Selection => selectionOf('/d', more);

const stateOf = (
  tree: FileTree,
  wanted: Selection = selection(),
): Promise<SelectionState | undefined> =>
  readSelectionState(tree, wanted, selectFiles(tree, wanted, undefined), createBreather(signal));

const opened = (ignore = ''): FileTree => {
  const { matcher } = parseIgnoreFile({ path: '.dockerignore', text: ignore });
  return openContext(context, ignore === '' ? undefined : matcher);
};

describe('readSelectionState()', () => {
  test('is the same for the same files, and counts them', async () => {
    const state = await stateOf(opened());
    expect(state).toMatchObject({ files: 5 });
    expect(await stateOf(opened())).toEqual(state);
  });

  test('is the same whether the files were looked at one by one or all at once', async () => {
    for (let i = 0; i < 1500; i++) writeFileSync(join(context, 'd/s', `n${String(i)}`), '');
    const oneByOne = opened();
    const at = oneByOne.lookup('/d' as never, { followsLast: true });
    if (at === undefined) throw new Error('The directory is there');
    // Whatever was asked about before its directory was listed is looked at by itself.
    for (let i = 0; i < 1500; i++) {
      oneByOne.lookup(`/d/s/n${String(i)}` as never, { followsLast: true });
    }
    expect(await stateOf(oneByOne)).toEqual(await stateOf(opened()));
  });

  test.each<[string, () => void]>([
    ['a content of the same size and time', () => rewriteInPlace(join(context, 'd/s/g'))],
    ['a size', () => truncateSync(join(context, 'd/f'), 100)],
    ['a time', () => utimesSync(join(context, 'd/f'), 1, 1)],
    ['a mode', () => chmodSync(join(context, 'd/s'), 0o700)],
    ['a mode of the copied directory', () => chmodSync(join(context, 'd'), 0o700)],
    ['a name', () => renameSync(join(context, 'd/f'), join(context, 'd/h'))],
    ['another file', () => writeFileSync(join(context, 'd/s/new'), '')],
    ['a file less', () => unlinkSync(join(context, 'd/s/g'))],
    ['a target of a link', () => relink()],
    ['a second name of a file', () => linkSync(join(context, 'd/f'), join(context, 'd/s/again'))],
    ['attributes', () => lsetxattr(join(context, 'd/s'), 'user.mark', Buffer.from('1'))],
  ])('changes with %s', async (_, change) => {
    const before = await stateOf(opened());
    change();
    expect((await stateOf(opened()))?.digest).not.toBe(before?.digest);
  });

  test('differs by what is ignored and by what is copied', async () => {
    const states = await Promise.all([
      stateOf(opened()),
      stateOf(opened('d/s/g')),
      stateOf(opened(), selection({ copiesDirContents: false })),
      stateOf(opened(), selection({ source: '/d/s' })),
      stateOf(opened(), selection({ source: '/d/*' })),
    ]);
    expect(new Set(states.map((state) => state?.digest)).size).toBe(states.length);
  });

  test('knows when the youngest file was touched', async () => {
    utimesSync(join(context, 'd/s/g'), 9_000_000_000, 9_000_000_000);
    expect(await stateOf(opened())).toMatchObject({
      newestNs: 9_000_000_000_000_000_000n,
      devices: new Set([statSync(context).dev]),
    });
  });

  test('does not say anything of trees that do not remember, or parts of directories', async () => {
    expect(await stateOf(openChainTree([context]))).toBeUndefined();
    expect(await stateOf(opened(), selection({ excludes: ['g'] }))).toBeUndefined();
  });
});

describe('hashSelection() with a memo', () => {
  const later = (): bigint => BigInt(Date.now()) * 1_000_000n + 60_000_000_000n;
  const options = (name = 'selections'): HashCacheOptions => ({
    file: join(dir, 'kept', name),
    settled: settledFiles(context, later()),
  });
  const hashWith = (memo: SelectionMemo, tree: FileTree = opened()): Promise<string> =>
    hashSelection(tree, selection(), { memo, cache: openHashCache(options('digests')) }, signal);

  beforeEach(() => {
    for (let i = 0; i < 1200; i++) writeFileSync(join(context, 'd/s', `n${String(i)}`), 'old');
  });

  test('gives the hash that the same files had, without a look into them', async () => {
    const memo = openSelectionMemo(options());
    const hash = await hashWith(memo);
    memo.save();
    const kept: string[] = [];
    const again = await hashSelection(
      opened(),
      selection(),
      { memo: openSelectionMemo(options()), keep: (text) => void kept.push(text) },
      signal,
    );
    expect(again).toBe(hash);
    expect(kept).toEqual([]);
  });

  test('a changed file is another hash, and changed back the first one', async () => {
    const memo = openSelectionMemo(options());
    const file = join(context, 'd/s/n7');
    const before = await hashWith(memo);
    writeFileSync(file, 'new');
    const changed = await hashWith(memo);
    writeFileSync(file, 'old');
    expect([changed === before, await hashWith(memo)]).toEqual([false, before]);
  });

  test('files that change between their listing and their reading are not remembered', async () => {
    const memo = openSelectionMemo(options());
    const tree = opened();
    await stateOf(tree);
    writeFileSync(join(context, 'd/s/n7'), 'newer');
    const state = await stateOf(tree);
    await hashWith(memo, tree);
    expect(state === undefined ? 'no state' : memo.get(state)).toBeUndefined();
  });
});

/** As a program that puts the old time back. */
function rewriteInPlace(file: string): void {
  utimesSync(file, 1000, 1000);
  const unchanged = { mode: 0o644 };
  writeFileSync(file, 'X', unchanged);
  utimesSync(file, 1000, 1000);
}

function relink(): void {
  unlinkSync(join(context, 'd/l'));
  symlinkSync('s', join(context, 'd/l'));
}
