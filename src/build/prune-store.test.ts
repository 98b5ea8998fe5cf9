import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { hashKeyParts, type CacheKey } from '../cache/cache-key.ts';
import { parseDiffId } from '../core/digest.ts';
import { digestOf } from '../core/sha256.ts';
import type { SnapshotId } from '../snapshot/snapshotter.ts';
import { openStore, type Store } from './open-store.ts';
import { pruneStore, type PruneOptions } from './prune-store.ts';
import { lockStoreAlone, useStore } from './store-lock.ts';
import { storeUsage } from './store-usage.ts';

const { signal } = new AbortController();
const EVERYTHING: PruneOptions = {
  removesUnusedImages: false,
  usedBefore: undefined,
  keepBytes: 0,
};
const DAY_MS = 24 * 60 * 60 * 1000;
let root: string;
let store: Store;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'prune-'));
  store = openStore(root, process.getuid?.() ?? 0);
});
afterEach(async () => {
  await store[Symbol.asyncDispose]();
  rmSync(root, { recursive: true });
});

/** A step's result: a snapshot with one file and the cache record that names it. */
async function step(
  name: string,
  parent?: SnapshotId,
  { bytes = 10, daysAgo = 0, isEmpty = false } = {},
): Promise<{ id: SnapshotId; key: CacheKey }> {
  await using active = await store.snapshots.prepare(parent, signal);
  writeFileSync(join(active.upper, name), 'x'.repeat(bytes));
  const { id } = await active.commit({ bytes, entries: 1, isEmpty });
  const parts = { name };
  const key = hashKeyParts(parts);
  const slot = `Dockerfile\0build\0exec\u00000`;
  const createdAt = '2024-01-01T00:00:00Z';
  store.cache.put({
    key,
    resultKey: key,
    parts,
    snapshot: id,
    slot,
    createdAt,
    durationMs: 1,
    bytes,
  });
  const usedAt = (Date.now() - daysAgo * DAY_MS) / 1000;
  utimesSync(join(root, 'cache', key.slice(0, 2), `${key}.json`), usedAt, usedAt);
  utimesSync(join(root, 'snapshots', id, 'record.json'), usedAt, usedAt);
  return { id, key };
}

async function image(name: string, tags: readonly string[], ...ids: SnapshotId[]): Promise<void> {
  const layers = ids.map((snapshot) => {
    const diffId = parseDiffId(digestOf(snapshot)) ?? expect.fail();
    return { diffId, size: 10, snapshot, blob: undefined };
  });
  const id = store.blobs.writeBytes(Buffer.from(name));
  const storedAt = '2024-01-01T00:00:00Z';
  await store.images.put({ id, layers, manifestDigest: undefined, storedAt }, tags, signal);
}

function isHere({ id }: { id: SnapshotId }): boolean {
  return store.snapshots.get(id) !== undefined;
}

describe('pruneStore()', () => {
  test('keeps what images need, with the records that lead to it, and removes the rest', async () => {
    const base = await step('base');
    const empty = await step('empty', base.id, { isEmpty: true });
    const top = await step('top', empty.id);
    const last = await step('last', top.id, { isEmpty: true });
    const other = await step('other', base.id);
    const onOther = await step('onOther', other.id);
    await image('app', ['app'], base.id, top.id);
    const loose = store.blobs.writeBytes(Buffer.from('loose'));

    const { items } = await pruneStore(store, EVERYTHING, signal);

    expect(items.map(({ id }) => id).sort()).toEqual([loose, other.id, onOther.id].sort());
    expect([base, empty, top, last].map(isHere)).toEqual([true, true, true, true]);
    expect([base, empty, top, last].map(({ key }) => store.cache.get(key)?.key)).toEqual(
      [base, empty, top, last].map(({ key }) => key),
    );
    expect([other, onOther].map(isHere)).toEqual([false, false]);
    expect(store.cache.get(other.key)).toBeUndefined();
    expect(store.images.list()).toHaveLength(1);
    expect(store.blobs.sizeOf(digestOf('app'))).toBe(3);
    expect((await pruneStore(store, EVERYTHING, signal)).items).toEqual([]);
  });

  test('removes images without a name, and with "all" also those with one', async () => {
    const old = await step('old');
    const current = await step('current');
    await image('old', [], old.id);
    await image('current', ['app'], current.id);

    await pruneStore(store, EVERYTHING, signal);
    expect([old, current].map(isHere)).toEqual([false, true]);
    await pruneStore(store, { ...EVERYTHING, removesUnusedImages: true }, signal);
    expect(isHere(current)).toBe(false);
    expect(store.images.list()).toEqual([]);
  });

  test('keeps what is being written upon', async () => {
    const parent = await step('parent');
    await using active = await store.snapshots.prepare(parent.id, signal);
    await pruneStore(store, EVERYTHING, signal);
    expect(isHere(parent)).toBe(true);
    await active[Symbol.asyncDispose]();
    await pruneStore(store, EVERYTHING, signal);
    expect(isHere(parent)).toBe(false);
  });

  test('keeps what was used since, and what that is built on', async () => {
    const parent = await step('parent', undefined, { daysAgo: 9 });
    const child = await step('child', parent.id, { daysAgo: 1 });
    const old = await step('old', undefined, { daysAgo: 9 });
    await pruneStore(store, { ...EVERYTHING, usedBefore: Date.now() - 2 * DAY_MS }, signal);
    expect([parent, child, old].map(isHere)).toEqual([true, true, false]);
  });

  test('removes what was used longest ago until little enough is left', async () => {
    const steps = [
      await step('a', undefined, { daysAgo: 1, bytes: 100 }),
      await step('b', undefined, { daysAgo: 3, bytes: 100 }),
      await step('c', undefined, { daysAgo: 2, bytes: 100 }),
    ];
    const { bytes } = await pruneStore(store, { ...EVERYTHING, keepBytes: 150 }, signal);
    expect(bytes).toBe(200);
    expect(steps.map(isHere)).toEqual([true, false, false]);
  });

  test('takes cache mounts, and leaves their locks', async () => {
    mkdirSync(join(root, 'mounts', 'abc'));
    writeFileSync(join(root, 'mounts', 'abc', 'file'), 'x'.repeat(5000));
    writeFileSync(join(root, 'mounts', 'abc.lock'), '');
    const { items } = await pruneStore(store, EVERYTHING, signal);
    expect(items).toMatchObject([{ kind: 'mount', id: 'abc' }]);
    expect(readdirSync(join(root, 'mounts'))).toEqual(['abc.lock']);
  });

  test('goes on where one that was killed left records without snapshots', async () => {
    const lost = await step('lost');
    await store.snapshots.remove(lost.id);
    await pruneStore(store, EVERYTHING, signal);
    expect([...store.cache.list()]).toEqual([]);
    expect(readdirSync(join(root, 'cache', 'slots'))).toEqual([]);
  });
});

describe('storeUsage()', () => {
  test('says what a thing is, who shares it and which step made it', async () => {
    const base = await step('base');
    const free = await step('free', base.id, { bytes: 7 });
    await image('one', ['one'], base.id);
    await image('two', ['two'], base.id);
    const items = await storeUsage(store, signal);
    expect(items.find(({ id }) => id === base.id)).toMatchObject({
      kind: 'layer',
      imageCount: 2,
      isNeeded: true,
    });
    expect(items.find(({ id }) => id === free.id)).toMatchObject({
      kind: 'step',
      bytes: 7,
      isNeeded: false,
      step: 'Dockerfile [build] exec 1',
    });
  });
});

describe('the lock of the store', () => {
  test('holds pruning back while somebody uses the store, and users while it is pruned', async () => {
    const use = await useStore(root, signal);
    const seen: string[] = [];
    const waiting = lockStoreAlone(root, () => seen.push('waits'), signal);
    expect(seen).toEqual(['waits']);
    await using _second = await useStore(root, signal);
    await _second[Symbol.asyncDispose]();
    use.release();
    const alone = await waiting;
    const controller = new AbortController();
    const next = useStore(root, controller.signal);
    controller.abort();
    await expect(next).rejects.toThrow('abort');
    alone.release();
    await using _third = await useStore(root, signal);
  });

  test('is not waited for after an abort', async () => {
    await using _use = await useStore(root, signal);
    const controller = new AbortController();
    const waiting = lockStoreAlone(root, () => controller.abort(), controller.signal);
    await expect(waiting).rejects.toThrow('abort');
  });
});
