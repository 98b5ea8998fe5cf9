import { mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { hashKeyParts, type CacheKey } from '../cache/cache-key.ts';
import { parseDiffId } from '../core/digest.ts';
import { digestOf } from '../core/sha256.ts';
import { acquireLock } from '../host/lock.ts';
import type { SnapshotId } from '../snapshot/snapshotter.ts';
import { openBuildLog } from './build-log.ts';
import { contextFiles, keepContext } from './kept-contexts.ts';
import { openStore, type Store } from './open-store.ts';
import { lockForPrune, pruneStore, type PruneOptions } from './prune-store.ts';
import { storeUsage } from './store-usage.ts';
import { isTidyDue } from './tidy-due.ts';
import { tidyStore } from './tidy-policy.ts';

const { signal } = new AbortController();
const EVERYTHING: PruneOptions = {
  images: 'unnamed',
  filter: {},
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

/** What a build keeps of a context. */
function keepDigests(context: string): void {
  keepContext(root, context, Date.now(), () => {
    const { digests } = contextFiles(root, context);
    mkdirSync(dirname(digests), { recursive: true });
    writeFileSync(digests, 'x');
  });
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
    await pruneStore(store, { ...EVERYTHING, images: 'unused' }, signal);
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
    await pruneStore(
      store,
      { ...EVERYTHING, filter: { usedBefore: Date.now() - 2 * DAY_MS } },
      signal,
    );
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

  test('takes cache mounts, and their locks with them', async () => {
    mkdirSync(join(root, 'mounts', 'abc'));
    writeFileSync(join(root, 'mounts', 'abc', 'file'), 'x'.repeat(5000));
    writeFileSync(join(root, 'mounts', 'abc.lock'), '');
    const { items } = await pruneStore(store, EVERYTHING, signal);
    expect(items).toMatchObject([{ kind: 'mount', id: 'abc' }]);
    expect(readdirSync(join(root, 'mounts'))).toEqual([]);
  });

  test('takes what is known of contexts, first of those that are gone', async () => {
    const context = join(root, 'context');
    mkdirSync(context);
    for (const path of [context, join(root, 'gone')]) keepDigests(path);
    const options = { ...EVERYTHING, keepBytes: 1e9 };
    const { items } = await pruneStore(store, options, signal);
    expect(items).toMatchObject([{ kind: 'context', step: join(root, 'gone') }]);
    expect((await pruneStore(store, EVERYTHING, signal)).items).toMatchObject([
      { kind: 'context', step: context },
    ]);
    expect(readdirSync(join(root, 'contexts'))).toEqual([]);
    expect(readdirSync(join(root, 'tmp'))).toEqual([]);
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

describe('pruning beside other work', () => {
  /** What another process that works with the store would do. */
  const other = (): Store => openStore(root, process.getuid?.() ?? 0);

  test('leaves what another one found or made, until that one is done', async () => {
    const base = await step('base');
    const found = await step('found', base.id);
    const free = await step('free', base.id);
    const blob = store.blobs.writeBytes(Buffer.from('found'));
    const builder = other();
    const use = builder.use();
    expect(builder.snapshots.get(found.id)).toBeDefined();
    expect(builder.blobs.sizeOf(blob)).toBe(5);
    const active = await builder.snapshots.prepare(undefined, signal);
    const made = await active.commit({ bytes: 1, entries: 1, isEmpty: false });
    const madeBlob = builder.blobs.writeBytes(Buffer.from('made'));

    const { items } = await pruneStore(store, EVERYTHING, signal);
    expect(items.map(({ id }) => id)).toEqual([free.id]);
    expect([base, found, made].map(isHere)).toEqual([true, true, true]);
    expect(store.blobs.sizeOf(madeBlob)).toBe(4);

    use[Symbol.dispose]();
    expect(readdirSync(join(root, 'locks', 'leases'))).toEqual([]);
    await pruneStore(store, EVERYTHING, signal);
    expect([base, found, made].map(isHere)).toEqual([false, false, false]);
  });

  test('what was found first is gone for whoever looks later', async () => {
    const lost = await step('lost');
    const builder = other();
    using _use = builder.use();
    await pruneStore(store, EVERYTHING, signal);
    expect(builder.snapshots.get(lost.id)).toBeUndefined();
    await expect(builder.snapshots.prepare(lost.id, signal)).rejects.toMatchObject({
      code: 'SNAPSHOT_NOT_FOUND',
    });
  });

  test('an image that was stored since the store was looked through keeps its layers', async () => {
    const layer = await step('layer');
    const needed: ReadonlySet<string> = new Set([layer.id]);
    expect(await store.snapshots.removeAll([layer.id], () => needed)).toEqual([]);
    expect(isHere(layer)).toBe(true);
  });

  test('a lease of a process that is gone holds nothing', async () => {
    const held = await step('held');
    mkdirSync(join(root, 'locks', 'leases'), { recursive: true });
    writeFileSync(join(root, 'locks', 'leases', 'feedbeef'), `${held.id}\n`);
    await pruneStore(store, EVERYTHING, signal);
    expect(isHere(held)).toBe(false);
    expect(readdirSync(join(root, 'locks', 'leases'))).toEqual([]);
  });

  test('lock files of killed processes go, those that are held stay', async () => {
    const held = await store.lock('url-held', signal);
    writeFileSync(join(root, 'locks', 'key-left'), '');
    await pruneStore(store, EVERYTHING, signal);
    expect(readdirSync(join(root, 'locks')).filter((name) => name.includes('-'))).toEqual([
      'url-held',
    ]);
    await held[Symbol.asyncDispose]();
  });

  test('logs of builds stay that run or have a record, and those of killed ones go', async () => {
    using _use = store.use();
    for (const id of ['killed', 'known']) {
      mkdirSync(join(root, 'builds', id), { recursive: true });
      writeFileSync(join(root, 'builds', id, '3.log'), 'x');
    }
    writeFileSync(join(root, 'builds', 'known.json'), '{}');
    const log = openBuildLog(
      store,
      { dockerfile: 'Dockerfile', target: undefined },
      { emit: () => undefined, startedAt: 0, now: () => 0 },
      signal,
    );
    log.emit({ type: 'op-output', op: 3, stream: 'stdout', bytes: Buffer.from('x'), at: 0 });
    await pruneStore(store, EVERYTHING, signal);
    log.close(undefined);
    expect(readdirSync(join(root, 'builds')).sort()).toEqual([log.id, 'known', 'known.json']);
    expect(readdirSync(join(root, 'tmp'))).toEqual([]);
  });

  test('a cache mount that a step uses stays', async () => {
    const name = 'ab'.repeat(32);
    mkdirSync(join(root, 'mounts', name));
    writeFileSync(join(root, 'mounts', name, 'file'), 'x');
    {
      await using _lock = await acquireLock(
        join(root, 'mounts', `${name}.lock`),
        { type: 'shared' },
        signal,
      );
      expect((await pruneStore(store, EVERYTHING, signal)).items).toEqual([]);
    }
    const { items } = await pruneStore(store, EVERYTHING, signal);
    expect(items.map(({ id }) => id)).toEqual([name]);
    expect(readdirSync(join(root, 'mounts'))).toEqual([]);
    expect(readdirSync(join(root, 'tmp'))).toEqual([]);
  });

  test('one prunes at a time, and waiting can be aborted', async () => {
    const first = await lockForPrune(root, () => expect.fail(), signal);
    const controller = new AbortController();
    const waiting = lockForPrune(root, () => controller.abort(), controller.signal);
    await expect(waiting).rejects.toThrow('abort');
    first.release();
    await using _next = await lockForPrune(root, () => expect.fail(), signal);
  });
});

describe('the bound of the store', () => {
  test('what was of use longest ago goes until all is within it, images included', async () => {
    const layer = await step('layer', undefined, { bytes: 100, daysAgo: 9 });
    await image('app', ['app'], layer.id);
    const old = await step('old', undefined, { bytes: 50, daysAgo: 3 });
    const older = await step('older', undefined, { bytes: 50, daysAgo: 5 });
    const fresh = await step('fresh', undefined, { bytes: 50 });
    const policy = { isEnabled: true, maxBytes: 210 };
    await tidyStore(store, policy, Date.now(), signal);
    expect([layer, old, older, fresh].map(isHere)).toEqual([true, true, false, true]);
    // What was used within the hour stays, whatever the bound.
    await tidyStore(store, { isEnabled: true, maxBytes: 1 }, Date.now(), signal);
    expect([layer, old, fresh].map(isHere)).toEqual([true, false, true]);
    expect(store.images.list()).toHaveLength(1);
  });

  test('what is known of contexts goes when they are gone, or were not built for a month', async () => {
    const context = join(root, 'context');
    mkdirSync(context);
    for (const path of [context, join(root, 'gone')]) keepDigests(path);
    const known = (): string[] => readdirSync(join(root, 'contexts'));
    const policy = { isEnabled: true, maxBytes: 1e9 };
    const inDays = (days: number): Promise<unknown> =>
      tidyStore(store, policy, Date.now() + days * DAY_MS, signal);
    await inDays(0);
    expect(known()).toHaveLength(2);
    await inDays(1);
    expect(known()).toHaveLength(1);
    await inDays(29);
    expect(known()).toHaveLength(1);
    await inDays(31);
    expect(known()).toEqual([]);
  });

  test('a filter leaves alone what something is built on that stays', async () => {
    const base = await step('base', undefined, { daysAgo: 3 });
    const top = await step('top', base.id);
    const filter = { ids: [base.id] };
    expect((await pruneStore(store, { ...EVERYTHING, filter }, signal)).items).toEqual([]);
    expect(store.cache.get(base.key)).toBeDefined();
    expect([base, top].map(isHere)).toEqual([true, true]);
  });

  test('is looked after every ten minutes, by one of many builds', () => {
    const now = Date.now();
    const minutes = (count: number): number => now + count * 60_000;
    expect([0, 1, 11, 11, 12, 22].map((count) => isTidyDue(root, minutes(count)))).toEqual([
      false,
      false,
      true,
      false,
      false,
      true,
    ]);
  });
});
