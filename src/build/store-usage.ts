import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { CacheRecord } from '../cache/cache-store.ts';
import { snapshotsInUse } from '../containers/create-container.ts';
import { createBreather } from '../core/breathe.ts';
import { parseDigest, type Digest } from '../core/digest.ts';
import { readFileCapped } from '../host/atomic-file.ts';
import type { SnapshotId } from '../snapshot/snapshotter.ts';
import type { Store } from './open-store.ts';
import { isContextGone, listContexts } from './kept-contexts.ts';
import { listSources } from './kept-sources.ts';
import { measureDirectory } from './measure-directory.ts';

/** What a thing in the store is. */
export type UsageKind = 'layer' | 'step' | 'base' | 'blob' | 'mount' | 'source' | 'context';

/** A thing that takes room in the store. */
export interface UsageItem {
  readonly kind: UsageKind;
  /** A snapshot's id, a blob's digest, or the name of a directory in `mounts`, `sources` or `contexts`. */
  readonly id: string;
  /** Of its files. */
  readonly bytes: number;
  /** Images that have it as a part. */
  readonly imageCount: number;
  /** True when an image or a container needs it: then it stays. */
  readonly isNeeded: boolean;
  /** True when nobody can have a use for it any more: then it goes first. */
  readonly isOrphaned: boolean;
  /** Milliseconds since 1970; of a snapshot, never before that of one that is built on it. */
  readonly lastUsed: number;
  /** What it is the result of, when it is known; of what is about a build context, its path. */
  readonly step: string | undefined;
  /** Id of the build that made it, when it is known. */
  readonly build: string | undefined;
  /** The snapshot that it is built on. */
  readonly parent: string | undefined;
  /** Snapshots below it. Of two that were last used at one time, the deeper one goes first. */
  readonly depth: number;
}

/**
 * Everything in `store` that takes room. Measures cache mounts and sources file by file; the rest is in
 * records.
 */
export async function storeUsage(store: Store, signal: AbortSignal): Promise<UsageItem[]> {
  return [
    ...(await snapshotItems(store, signal)),
    ...blobItems(store),
    ...(await mountItems(store, signal)),
    ...(await sourceItems(store, signal)),
    ...(await contextItems(store, signal)),
  ];
}

/** A digest, a space and a size are far shorter. */
const MAX_NOTE_BYTES = 200;

interface Node {
  readonly id: SnapshotId;
  readonly bytes: number;
  readonly isEmpty: boolean;
  readonly parent: SnapshotId | undefined;
  readonly depth: number;
  lastUsed: number;
  imageCount: number;
  isNeeded: boolean;
  record: CacheRecord | undefined;
}

async function snapshotItems(store: Store, signal: AbortSignal): Promise<UsageItem[]> {
  const nodes = await readNodes(store, signal);
  const roots = [...nodes.values()].sort((a, b) => a.depth - b.depth);
  for (const { record, lastUsed } of store.cache.list()) {
    const node = nodes.get((record.snapshot ?? '') as SnapshotId);
    if (node === undefined) continue;
    node.record ??= record;
    node.lastUsed = Math.max(node.lastUsed, lastUsed);
  }
  markNeeded(store, nodes);
  for (const node of roots.toReversed()) {
    const parent = node.parent === undefined ? undefined : nodes.get(node.parent);
    if (parent !== undefined) parent.lastUsed = Math.max(parent.lastUsed, node.lastUsed);
  }
  for (const node of roots) {
    // A step of an image that changed no files is no layer of it, and a rebuild wants it all the same.
    const parent = node.parent === undefined ? undefined : nodes.get(node.parent);
    if (node.isEmpty && (node.parent === undefined || parent?.isNeeded === true)) {
      node.isNeeded = true;
    }
  }
  return roots.map((node) => ({
    ...node,
    kind: kindOf(node),
    isOrphaned: false,
    step: stepOf(node.record),
    build: node.record?.build,
  }));
}

async function readNodes(store: Store, signal: AbortSignal): Promise<Map<SnapshotId, Node>> {
  const breather = createBreather(signal);
  const nodes = new Map<SnapshotId, Node>();
  const directory = join(store.root, 'snapshots');
  for (const name of readdirSync(directory)) {
    if (breather.isDue()) await breather.breathe();
    const snapshot = store.snapshots.get(name as SnapshotId);
    if (snapshot === undefined) continue;
    const { id, bytes, isEmpty, parent } = snapshot;
    const lastUsed = timeOf(join(directory, name, 'record.json'));
    const counts = { imageCount: 0, isNeeded: false, record: undefined };
    nodes.set(id, { id, bytes, isEmpty, parent, depth: 0, lastUsed, ...counts });
  }
  return withDepths(nodes);
}

/** Chains are as deep as images have steps: walked up once, and not by recursion. */
function withDepths(nodes: ReadonlyMap<SnapshotId, Node>): Map<SnapshotId, Node> {
  const depths = new Map<SnapshotId, number>();
  for (const start of nodes.keys()) {
    const path = [...ancestors(start, nodes, (id) => depths.has(id))];
    for (const node of path.toReversed()) {
      const above = node.parent === undefined ? undefined : depths.get(node.parent);
      depths.set(node.id, (above ?? -1) + 1);
    }
  }
  return new Map([...nodes].map(([id, node]) => [id, { ...node, depth: depths.get(id) ?? 0 }]));
}

/** The node and those below it, until one that `isKnown`. */
function* ancestors(
  start: SnapshotId,
  nodes: ReadonlyMap<SnapshotId, Node>,
  isKnown: (id: SnapshotId) => boolean,
): Generator<Node, void> {
  const seen = new Set<SnapshotId>();
  for (let node = nodes.get(start); node !== undefined;) {
    // A parent that is its own child is a damaged record, and must not keep us here.
    if (seen.has(node.id) || isKnown(node.id)) return;
    seen.add(node.id);
    yield node;
    node = node.parent === undefined ? undefined : nodes.get(node.parent);
  }
}

function markNeeded(store: Store, nodes: ReadonlyMap<SnapshotId, Node>): void {
  const never = (): boolean => false;
  for (const { image } of store.images.list()) {
    const parts = new Set<Node>();
    for (const { snapshot } of image.layers) {
      for (const node of ancestors((snapshot ?? '') as SnapshotId, nodes, never)) {
        parts.add(node);
      }
    }
    for (const node of parts) {
      node.imageCount++;
      node.isNeeded = true;
    }
  }
  for (const snapshot of snapshotsInUse(store.root)) {
    for (const node of ancestors(snapshot as SnapshotId, nodes, never)) node.isNeeded = true;
  }
}

function kindOf({ imageCount, record }: Node): UsageKind {
  if (imageCount > 0) return 'layer';
  return record === undefined ? 'base' : 'step';
}

/** The step by its name, else the Dockerfile, the stage and the step in it, as in the slot that build/solve-graph.ts writes. */
function stepOf(record: CacheRecord | undefined): string | undefined {
  if (record === undefined) return undefined;
  if (record.name !== undefined) return record.name;
  const [dockerfile = '', stage = '', kind = '', number = ''] = record.slot.split('\0');
  return `${dockerfile} [${stage}] ${kind} ${String(Number(number) + 1)}`;
}

function blobItems(store: Store): UsageItem[] {
  const counts = neededBlobs(store);
  return [...store.blobs.list()].map(({ digest, size }) => ({
    kind: 'blob',
    id: digest,
    bytes: size,
    imageCount: counts.get(digest) ?? 0,
    isNeeded: counts.has(digest),
    isOrphaned: false,
    lastUsed: timeOf(store.blobs.pathOf(digest)),
    step: undefined,
    build: undefined,
    parent: undefined,
    depth: 0,
  }));
}

/** Snapshots that are the top of what an image or a container shows; what is below has children. */
export function neededSnapshots(store: Store): ReadonlySet<string> {
  const ofImages = store.images
    .list()
    .flatMap(({ image }) => image.layers.flatMap(({ snapshot }) => snapshot ?? []));
  return new Set([...ofImages, ...snapshotsInUse(store.root)]);
}

/** Blobs by how many images they are a part of: configs, manifests, layers as they were pulled. */
export function neededBlobs(store: Store): Map<Digest, number> {
  const counts = new Map<Digest, number>();
  const compressed = compressedLayers(store.root);
  for (const { image } of store.images.list()) {
    const parts = image.layers.flatMap(({ blob, diffId }) => [
      ...(blob === undefined ? [] : [blob.digest]),
      // An export without compression stores the tar itself.
      parseDigest(diffId) ?? image.id,
      ...(compressed.get(diffId) ?? []),
    ]);
    for (const digest of new Set([image.id, image.manifestDigest ?? image.id, ...parts])) {
      counts.set(digest, (counts.get(digest) ?? 0) + 1);
    }
  }
  return counts;
}

/** Blobs that exports and pushes made of layers, by diff id, as export/compressed-layer.ts notes them. */
function compressedLayers(root: string): Map<string, Digest[]> {
  const directory = join(root, 'layers', 'gzip');
  const layers = new Map<string, Digest[]>();
  if (!existsSync(directory)) return layers;
  for (const name of readdirSync(directory)) {
    const diffId = `sha256:${name.slice(0, 64)}`;
    const text = readFileCapped(join(directory, name), MAX_NOTE_BYTES)?.toString('latin1') ?? '';
    const digest = parseDigest(text.split(' ')[0] ?? '');
    if (digest !== undefined) layers.set(diffId, [...(layers.get(diffId) ?? []), digest]);
  }
  return layers;
}

/** What images and containers have no part in, and nothing is built on. */
const ALONE = {
  imageCount: 0,
  isNeeded: false,
  isOrphaned: false,
  step: undefined,
  build: undefined,
  parent: undefined,
  depth: 0,
};

async function mountItems(store: Store, signal: AbortSignal): Promise<UsageItem[]> {
  const directory = join(store.root, 'mounts');
  const items: UsageItem[] = [];
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    if (!entry.isDirectory()) continue;
    const { bytes, lastUsed } = await measureDirectory(join(directory, entry.name), signal);
    items.push({ ...ALONE, kind: 'mount', id: entry.name, bytes, lastUsed });
  }
  return items;
}

async function sourceItems({ root }: Store, signal: AbortSignal): Promise<UsageItem[]> {
  const sources = await listSources(root, signal);
  return sources.map((source) => ({ ...ALONE, kind: 'source', ...source }));
}

async function contextItems({ root }: Store, signal: AbortSignal): Promise<UsageItem[]> {
  const contexts = await listContexts(root, signal);
  return contexts.map(({ path, ...context }) => ({
    ...ALONE,
    kind: 'context',
    ...context,
    step: path,
    isOrphaned: isContextGone({ path }),
  }));
}

function timeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0;
}
