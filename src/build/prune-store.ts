import { readdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { listRecords } from '../containers/container-record.ts';
import { readContainer } from '../containers/create-container.ts';
import { createBreather } from '../core/breathe.ts';
import { parseDigest, type Digest } from '../core/digest.ts';
import { BuildError } from '../diagnostics/build-error.ts';
import type { NamedIndex } from '../image/image-store.ts';
import { removeTree } from '../snapshot/remove-tree.ts';
import type { SnapshotId } from '../snapshot/snapshotter.ts';
import type { Store } from './open-store.ts';
import { storeUsage, type UsageItem } from './store-usage.ts';

/** What is to go. */
export interface PruneOptions {
  /** Also images that have names, if no container was made of them. */
  readonly removesUnusedImages: boolean;
  /** Milliseconds since 1970: what was used later stays. Undefined: nothing stays for that. */
  readonly usedBefore: number | undefined;
  /** Of what could go, so many bytes stay, those used last. */
  readonly keepBytes: number;
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
 * Removes from `store` what no image and no container needs. Call with the store locked alone
 * (store-lock.ts). What names a thing goes before the thing, and what is built on it too, so a store is
 * good wherever this is cut off: a snapshot that nothing names is found by the next call.
 * @throws the signal's reason; what was removed until then stays removed
 */
export async function pruneStore(
  store: Store,
  options: PruneOptions,
  signal: AbortSignal,
): Promise<PruneResult> {
  const images = await pruneImages(store, options, signal);
  const doomed = chooseItems(await storeUsage(store, signal), options);
  const ofKind = (...kinds: UsageItem['kind'][]): Set<string> =>
    new Set(doomed.filter(({ kind }) => kinds.includes(kind)).map(({ id }) => id));

  const snapshots = ofKind('layer', 'step', 'base');
  await forget(store, snapshots, signal);
  const removed = new Set(await removeSnapshots(store, snapshots, signal));
  for (const id of ofKind('blob')) {
    signal.throwIfAborted();
    const digest = parseDigest(id);
    if (digest !== undefined && store.blobs.remove(digest)) removed.add(id);
  }
  for (const name of ofKind('mount')) {
    signal.throwIfAborted();
    removeTree(join(store.root, 'mounts', name));
    removed.add(name);
  }
  const items = doomed.filter(({ id }) => removed.has(id));
  // What interrupted downloads left is of use only to the same download.
  const partialBytes = store.blobs.removePartials();
  return { images, items, bytes: items.reduce((sum, { bytes }) => sum + bytes, partialBytes) };
}

/** So many at a time, as nobody can interrupt that. */
const SNAPSHOTS_AT_ONCE = 256;

/** `ids` come with children before their parents, so each part can go without the next one. */
async function removeSnapshots(
  { snapshots }: Store,
  ids: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<string[]> {
  const breather = createBreather(signal);
  const order = [...ids] as SnapshotId[];
  const removed: string[] = [];
  for (let start = 0; start < order.length; start += SNAPSHOTS_AT_ONCE) {
    await breather.breathe();
    removed.push(...(await snapshots.removeAll(order.slice(start, start + SNAPSHOTS_AT_ONCE))));
  }
  return removed;
}

async function pruneImages(
  store: Store,
  { removesUnusedImages, usedBefore = Infinity }: PruneOptions,
  signal: AbortSignal,
): Promise<PrunedImage[]> {
  // Also of those that have ended: as with Docker, they go first.
  const shown = new Set(
    listRecords(store.root).flatMap(({ id }) => readContainer(store.root, id)?.plan.snapshot ?? []),
  );
  const removed: PrunedImage[] = [];
  const limits = { removesUnusedImages, usedBefore };
  const indexes = await pruneIndexes(store, shown, limits, removed, signal);
  const indexed = new Set(indexes.flatMap(({ index }) => index.images.map(({ id }) => id)));
  for (const each of store.images.list()) {
    const { image, references } = each;
    if (indexed.has(image.id)) continue;
    if (references.length > 0 && !removesUnusedImages) continue;
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

/** Those used longest ago first, until no more than what is to be kept is left. */
function chooseItems(items: readonly UsageItem[], options: PruneOptions): UsageItem[] {
  const { usedBefore = Infinity, keepBytes } = options;
  const free = items
    .filter(({ isNeeded }) => !isNeeded)
    .sort((a, b) => a.lastUsed - b.lastUsed || b.depth - a.depth);
  let left = free.reduce((sum, { bytes }) => sum + bytes, 0);
  const doomed: UsageItem[] = [];
  for (const item of free) {
    if (item.lastUsed >= usedBefore || (keepBytes > 0 && left <= keepBytes)) break;
    left -= item.bytes;
    doomed.push(item);
  }
  return doomed;
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
