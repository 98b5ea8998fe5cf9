import { existsSync, readdirSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { listRecords } from '../containers/container-record.ts';
import { readContainer } from '../containers/create-container.ts';
import { createBreather } from '../core/breathe.ts';
import { parseDigest, type Digest } from '../core/digest.ts';
import { BuildError } from '../diagnostics/build-error.ts';
import { namesIn } from '../host/list-names.ts';
import { acquireLock, tryLock, type Lock } from '../host/lock.ts';
import { hasCode } from '../host/sys.ts';
import type { NamedIndex } from '../image/image-store.ts';
import { removeSlowly } from '../snapshot/remove-tree.ts';
import type { SnapshotId } from '../snapshot/snapshotter.ts';
import { logHold } from './build-log.ts';
import { takeContexts } from './kept-contexts.ts';
import { takeSources } from './kept-sources.ts';
import type { Store } from './open-store.ts';
import { sweepScratch } from './scratch-directory.ts';
import { neededBlobs, neededSnapshots, storeUsage, type UsageItem } from './store-usage.ts';
import { isMeant, type UsageFilter } from './usage-filter.ts';

/** What is to go. */
export interface PruneOptions {
  /** Images that go: none, those without a name, or also those with one if no container was made of them. */
  readonly images: 'none' | 'unnamed' | 'unused';
  /** Of the rest, what may go. Images have only a time. */
  readonly filter: UsageFilter;
  /** Of what could go, so many bytes stay, those used last. */
  readonly keepBytes: number;
  /** So many bytes the store may take, images included. Undefined: nothing stays for that. */
  readonly maxBytes?: number | undefined;
  /** Milliseconds since 1970: what is known of a context goes when no build used it since, whatever may stay. */
  readonly contextsUsedBefore?: number | undefined;
}

/** An image or index that went, with the names that it had. */
export interface PrunedImage {
  readonly id: Digest;
  readonly references: readonly string[];
}

/** What went. */
export interface PruneResult {
  readonly images: readonly PrunedImage[];
  readonly items: readonly UsageItem[];
  /** Of the items, and of what interrupted downloads left. */
  readonly bytes: number;
}

/**
 * Waits until nobody else removes things from the store. `onWait` is called once, when there is something
 * to wait for. Builds are not waited for. @throws the signal's reason
 */
export async function lockForPrune(
  root: string,
  onWait: () => void,
  signal: AbortSignal,
): Promise<Lock> {
  signal.throwIfAborted();
  const path = join(root, 'locks', 'prune');
  const lock = tryLock(path, 'exclusive');
  if (lock !== undefined) return lock;
  onWait();
  return acquireLock(path, { type: 'exclusive' }, signal);
}

/**
 * Removes from `store` what no image and no container needs, and no process holds (host/holds.ts): builds
 * go on beside it. Call inside `lockForPrune`. What names a thing goes before the thing, and what is built
 * on it too, so a store is good wherever this is cut off: a snapshot that nothing names is found by the
 * next call. Files are moved away first, which is quick, and then removed a slice at a time.
 * @throws the signal's reason; what was removed until then stays removed
 */
export async function pruneStore(
  store: Store,
  options: PruneOptions,
  signal: AbortSignal,
): Promise<PruneResult> {
  let images: readonly PrunedImage[];
  let first: PrunedItems = { items: [], bytes: 0 };
  try {
    images = await pruneImages(store, options, signal);
  } catch (error) {
    if (!(error instanceof BuildError) || error.code !== 'DISK_FULL') throw error;
    // A new list of images is written before the old one goes: what goes without it makes room.
    first = await pruneItems(store, options, signal);
    removeExpendable(store);
    images = await pruneImages(store, options, signal);
  }
  const rest = await pruneItems(store, options, signal);
  return { images, items: [...first.items, ...rest.items], bytes: first.bytes + rest.bytes };
}

type PrunedItems = Pick<PruneResult, 'items' | 'bytes'>;

/** What needs no change of the list of images. */
async function pruneItems(
  store: Store,
  options: PruneOptions,
  signal: AbortSignal,
): Promise<PrunedItems> {
  const doomed = chooseItems(await storeUsage(store, signal), options);
  const ofKind = (...kinds: UsageItem['kind'][]): Set<string> =>
    new Set(doomed.filter(({ kind }) => kinds.includes(kind)).map(({ id }) => id));

  const snapshots = ofKind('layer', 'step', 'base');
  await forget(store, snapshots, signal);
  const removed = new Set(await removeSnapshots(store, snapshots, signal));
  const digests = [...ofKind('blob')].flatMap((id) => parseDigest(id) ?? []);
  const needed = (): ReadonlySet<string> => new Set(neededBlobs(store).keys());
  for (const id of store.blobs.removeAll(digests, needed)) removed.add(id);
  for (const name of ofKind('mount')) {
    signal.throwIfAborted();
    if (takeMount(store, name)) removed.add(name);
  }
  takeDeadLogs(store);
  const trash = (id: string): string => join(store.root, 'tmp', `${MOUNT_TRASH}${id}`);
  for (const id of takeSources(store.root, ofKind('source'), trash)) removed.add(id);
  for (const id of takeContexts(store.root, ofKind('context'), trash)) removed.add(id);
  await store.snapshots.emptyTrash(signal);
  await emptyMountTrash(store, signal);
  removeFreeLocks(store);
  const items = doomed.filter(({ id }) => removed.has(id));
  // What interrupted downloads left is of use only to the same download, which may come soon.
  const partialBytes = options.images === 'none' ? 0 : store.blobs.removePartials();
  return { items, bytes: items.reduce((sum, { bytes }) => sum + bytes, partialBytes) };
}

/** Without them, files of contexts are read once more, and misses of the next builds are not explained. */
const EXPENDABLE = ['contexts', 'cache/slots', 'cache/files'];

function removeExpendable({ root }: Store): void {
  for (const name of EXPENDABLE) rmSync(join(root, name), { recursive: true, force: true });
}

/** So many at a time: builds wait that long to find something. */
const SNAPSHOTS_AT_ONCE = 64;

/** `ids` come with children before their parents, so each part can go without the next one. */
async function removeSnapshots(
  store: Store,
  ids: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<string[]> {
  const breather = createBreather(signal);
  const order = [...ids] as SnapshotId[];
  const removed: string[] = [];
  for (let start = 0; start < order.length; start += SNAPSHOTS_AT_ONCE) {
    await breather.breathe();
    const some = order.slice(start, start + SNAPSHOTS_AT_ONCE);
    // A build may have stored an image since the store was looked through.
    removed.push(...(await store.snapshots.removeAll(some, () => neededSnapshots(store))));
  }
  return removed;
}

/** False when a step uses the cache mount. */
function takeMount({ root }: Store, name: string): boolean {
  const path = join(root, 'mounts', name);
  const lock = tryLock(`${path}.lock`, 'exclusive');
  if (lock === undefined) return false;
  try {
    renameSync(path, join(root, 'tmp', `${MOUNT_TRASH}${name}`));
    return true;
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTEMPTY', 'EEXIST')) return false;
    throw error;
  } finally {
    rmSync(lock.path, { force: true });
    lock.release();
  }
}

/** Takes what steps of builds printed that ended without a record, killed for example. */
function takeDeadLogs({ root, holds }: Store): void {
  const directory = join(root, 'builds');
  holds.remove((held) => {
    for (const id of namesIn(directory)) {
      if (id.endsWith('.json') || held.has(logHold(id))) continue;
      if (existsSync(join(directory, `${id}.json`))) continue;
      renameSync(join(directory, id), join(root, 'tmp', `${MOUNT_TRASH}log-${id}`));
    }
  });
}

/** Files of locks on one thing (`key-…`, `blob-…`), which go with their holder unless that is killed. */
const PASSING_LOCK = /^[a-z]+-/;

function removeFreeLocks({ root }: Store): void {
  for (const name of namesIn(join(root, 'locks'))) {
    const lock = PASSING_LOCK.test(name)
      ? tryLock(join(root, 'locks', name), 'exclusive')
      : undefined;
    if (lock === undefined) continue;
    // While it is held, so that nobody's new file is removed.
    rmSync(lock.path, { force: true });
    lock.release();
  }
}

/** Beginning of the names in `tmp` of cache mounts, sources, logs and what was known of contexts on their way out. */
const MOUNT_TRASH = 'mount-';

async function emptyMountTrash({ root }: Store, signal: AbortSignal): Promise<void> {
  const breather = createBreather(signal);
  sweepScratch(join(root, 'tmp'));
  for (const name of readdirSync(join(root, 'tmp'))) {
    if (name.startsWith(MOUNT_TRASH)) await removeSlowly(join(root, 'tmp', name), breather);
  }
}

async function pruneImages(
  store: Store,
  { images, filter: { usedBefore = Infinity } }: PruneOptions,
  signal: AbortSignal,
): Promise<PrunedImage[]> {
  if (images === 'none') return [];
  // Also of those that have ended: as with Docker, they go first.
  const shown = new Set(
    listRecords(store.root).flatMap(({ id }) => readContainer(store.root, id)?.plan.snapshot ?? []),
  );
  const removed: PrunedImage[] = [];
  const limits = { removesUnusedImages: images === 'unused', usedBefore };
  const indexes = await pruneIndexes(store, shown, limits, removed, signal);
  const indexed = new Set(indexes.flatMap(({ index }) => index.images.map(({ id }) => id)));
  for (const each of store.images.list()) {
    const { image, references } = each;
    if (indexed.has(image.id)) continue;
    if (references.length > 0 && images !== 'unused') continue;
    if (Date.parse(image.storedAt) >= usedBefore) continue;
    if (shown.has(image.layers.at(-1)?.snapshot ?? '')) continue;
    if (await removeImage(image.id, store, signal)) removed.push({ id: image.id, references });
  }
  return removed;
}

/** Takes away the indexes that can go, with those images that have no name. Returns the others. */
async function pruneIndexes(
  store: Store,
  shown: ReadonlySet<string>,
  limits: { readonly removesUnusedImages: boolean; readonly usedBefore: number },
  removed: PrunedImage[],
  signal: AbortSignal,
): Promise<NamedIndex[]> {
  const kept: NamedIndex[] = [];
  for (const each of store.images.listIndexes()) {
    const { index, images, references } = each;
    const isKept =
      (references.length > 0 && !limits.removesUnusedImages) ||
      Date.parse(index.storedAt) >= limits.usedBefore ||
      images.some(({ layers }) => shown.has(layers.at(-1)?.snapshot ?? ''));
    if (isKept) kept.push(each);
    else if (await removeImage(index.id, store, signal)) {
      removed.push({ id: index.id, references });
    }
  }
  return kept;
}

/** False when somebody else was faster: `rmi` waits for nobody. */
async function removeImage(id: Digest, { images }: Store, signal: AbortSignal): Promise<boolean> {
  try {
    await images.remove(id, { force: true }, signal);
    return true;
  } catch (error) {
    if (error instanceof BuildError && error.code === 'IMAGE_NOT_FOUND') return false;
    throw error;
  }
}

/**
 * What is of no use to anybody, and of the rest that used longest ago first, until no more than what is to be
 * kept is left.
 */
function chooseItems(items: readonly UsageItem[], options: PruneOptions): UsageItem[] {
  const { filter, keepBytes, maxBytes, contextsUsedBefore = -Infinity } = options;
  const isUseless = ({ kind, isOrphaned, lastUsed }: UsageItem): boolean =>
    isOrphaned || (kind === 'context' && lastUsed < contextsUsedBefore);
  const sum = (list: readonly UsageItem[]): number =>
    list.reduce((bytes, item) => bytes + item.bytes, 0);
  const free = items
    .filter((item) => !item.isNeeded && isMeant(item, filter))
    .sort(
      (a, b) =>
        Number(isUseless(b)) - Number(isUseless(a)) || a.lastUsed - b.lastUsed || b.depth - a.depth,
    );
  // What may not go counts for the bound of the whole store, and not for what is to be kept.
  const bound = maxBytes ?? (keepBytes > 0 ? keepBytes : -1);
  let left = maxBytes === undefined ? sum(free) : sum(items);
  const doomed: UsageItem[] = [];
  for (const item of free) {
    if (left <= bound && !isUseless(item)) continue;
    left -= item.bytes;
    doomed.push(item);
  }
  return withoutParents(items, doomed);
}

/** What something is built on that stays has to stay too, with the records that lead to it. */
function withoutParents(items: readonly UsageItem[], doomed: readonly UsageItem[]): UsageItem[] {
  const goes = new Map(doomed.map((item) => [item.id, item]));
  const childrenFirst = [...items].sort((a, b) => b.depth - a.depth);
  for (const { id, parent } of childrenFirst) {
    if (!goes.has(id) && parent !== undefined) goes.delete(parent);
  }
  return [...goes.values()];
}

/** Removes every record that names one of the snapshots, or one that is not there. */
async function forget(
  store: Store,
  doomed: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<void> {
  const breather = createBreather(signal);
  const isGone = (id: string): boolean =>
    doomed.has(id) || store.snapshots.get(id as SnapshotId) === undefined;
  for (const { record } of store.cache.list()) {
    if (breather.isDue()) await breather.breathe();
    if (record.snapshot !== undefined && isGone(record.snapshot)) store.cache.remove(record);
  }
  const chains = join(store.root, 'layers', 'chains');
  for (const name of readdirSync(chains)) {
    if (breather.isDue()) await breather.breathe();
    const path = join(chains, name);
    if (isGone(readFileSync(path, 'latin1').trim())) rmSync(path, { force: true });
  }
  const facts = join(store.root, 'layers', 'facts');
  for (const name of readdirSync(facts)) {
    if (breather.isDue()) await breather.breathe();
    // `<snapshot>` or `<snapshot>-<epoch>`
    if (isGone(name.replace(/-.*$/, ''))) rmSync(join(facts, name), { force: true });
  }
}
