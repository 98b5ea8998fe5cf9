import { createHash } from 'node:crypto';
import {
  cpSync,
  linkSync,
  lstatSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { BytePath } from '../core/bytes.ts';
import { decodeDigestList, DigestList } from '../tree/digest-list.ts';
import type { TreeNode } from '../tree/file-tree.ts';
import { openDirectorySnapshotter } from './directory-snapshotter.ts';
import { DIGESTS_FILE } from './kept-digests.ts';
import type { CommittedSnapshot, SnapshotId, Snapshotter } from './snapshotter.ts';

let base: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'kept-digests-'));
});
afterEach(() => {
  rmSync(base, { recursive: true, force: true });
});

const { signal } = new AbortController();
const digest = createHash('sha256').update('one').digest();

/** A snapshot with the files `f`, a new one or another name of `shared`, and `g`, whose digest is not known. */
async function commit(
  snapshots: Snapshotter,
  sharesWith: readonly SnapshotId[],
  shared?: string,
): Promise<CommittedSnapshot> {
  await using active = await snapshots.prepare(undefined, signal);
  const file = join(active.upper, 'f');
  if (shared === undefined) writeFileSync(file, 'one');
  else linkSync(shared, file);
  writeFileSync(join(active.upper, 'g'), 'one');
  const list = new DigestList();
  const node = active.tree.lookup('/f' as BytePath, { followsLast: false });
  if (shared === undefined && node !== undefined) list.add(node.ino, digest);
  return await active.commit({ bytes: 3, entries: 1, isEmpty: false }, { list, sharesWith });
}

function fileOf(snapshots: Snapshotter, id: SnapshotId, path = '/f'): TreeNode {
  const node = snapshots.tree(id).lookup(path as BytePath, { followsLast: false });
  if (node === undefined) throw new Error(`No ${path}`);
  return node;
}

test('what was known when a snapshot was frozen is found by the next process', async () => {
  await using first = openDirectorySnapshotter(base);
  const { id } = await commit(first, []);
  await using second = openDirectorySnapshotter(base);
  for (const snapshots of [first, second]) {
    expect(Buffer.from(snapshots.digests.get(fileOf(snapshots, id)) ?? [])).toEqual(digest);
  }
});

test('files that are shared are found through those that they came from, however far away', async () => {
  await using snapshots = openDirectorySnapshotter(base);
  const first = await commit(snapshots, []);
  const second = await commit(snapshots, [first.id], join(first.dir, 'f'));
  const third = await commit(snapshots, [second.id], join(second.dir, 'f'));
  expect(Buffer.from(snapshots.digests.get(fileOf(snapshots, third.id)) ?? [])).toEqual(digest);
});

test('of very many that files came from few are named, and all are found', async () => {
  await using snapshots = openDirectorySnapshotter(base);
  let last = await commit(snapshots, []);
  const first = last.dir;
  for (let count = 0; count < 60; count++) {
    // Each has a file of its own, and one that all share.
    await using active = await snapshots.prepare(undefined, signal);
    linkSync(join(first, 'f'), join(active.upper, 'f'));
    writeFileSync(join(active.upper, 'g'), 'one');
    const list = new DigestList();
    const node = active.tree.lookup('/g' as BytePath, { followsLast: false });
    if (node !== undefined) list.add(node.ino, digest);
    const info = { bytes: 3, entries: 2, isEmpty: false };
    last = await active.commit(info, { list, sharesWith: [last.id] });
  }
  const stored = readFileSync(join(base, last.id, DIGESTS_FILE));
  const place = lstatSync(last.dir, { bigint: true });
  expect(decodeDigestList(stored, place)?.sources.length).toBeLessThanOrEqual(16);
  await using later = openDirectorySnapshotter(base);
  for (const path of ['/f', '/g']) {
    expect(Buffer.from(later.digests.get(fileOf(later, last.id, path)) ?? [])).toEqual(digest);
  }
});

test('a digest that went with its snapshot is not known any more', async () => {
  await using snapshots = openDirectorySnapshotter(base);
  const first = await commit(snapshots, []);
  const second = await commit(snapshots, [first.id], join(first.dir, 'f'));
  await snapshots.remove(first.id);
  await using later = openDirectorySnapshotter(base);
  expect(later.digests.get(fileOf(later, second.id))).toBeUndefined();
});

test('a store that was copied elsewhere knows nothing of its files', async () => {
  await using snapshots = openDirectorySnapshotter(base);
  const { id } = await commit(snapshots, []);
  const copy = join(base, 'copy');
  cpSync(join(base, id), join(copy, id), { recursive: true, preserveTimestamps: true });
  await using moved = openDirectorySnapshotter(copy);
  // Inodes are given out anew: another file may have got this one.
  const { ino } = fileOf(snapshots, id);
  expect(moved.digests.get({ ...fileOf(moved, id), ino })).toBeUndefined();
  expect(snapshots.digests.get(fileOf(snapshots, id))).toBeDefined();
});

test('what was read is kept once it is saved, beside what was there', async () => {
  await using first = openDirectorySnapshotter(base);
  const { id } = await commit(first, []);
  const other = fileOf(first, id, '/g');
  expect(first.digests.get(other)).toBeUndefined();
  first.digests.put(other, digest);
  first.digests.save();
  await using second = openDirectorySnapshotter(base);
  for (const path of ['/f', '/g']) {
    expect(Buffer.from(second.digests.get(fileOf(second, id, path)) ?? [])).toEqual(digest);
  }
});

test('a snapshot that was removed before its digests are saved fails nothing', async () => {
  await using snapshots = openDirectorySnapshotter(base);
  const { id } = await commit(snapshots, []);
  const node = fileOf(snapshots, id);
  await snapshots.remove(id);
  snapshots.digests.put(node, digest);
  expect(() => {
    snapshots.digests.save();
  }).not.toThrow();
});

test('files elsewhere have no digests here', async () => {
  await using snapshots = openDirectorySnapshotter(base);
  const { id } = await commit(snapshots, []);
  const node = { ...fileOf(snapshots, id), hostPath: '/elsewhere/f' as BytePath };
  snapshots.digests.put(node, digest);
  expect(snapshots.digests.get(node)).toBeUndefined();
});
