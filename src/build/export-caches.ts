import type { CacheRecord } from '../cache/cache-store.ts';
import type { BlobStore } from '../content/blob-store.ts';
import type { ChainId } from '../core/digest.ts';
import { chainIdOf } from '../core/sha256.ts';
import { BuildError } from '../diagnostics/build-error.ts';
import type { Emit } from '../events/event.ts';
import { compressedLayer } from '../export/compressed-layer.ts';
import { layerDescriptor } from '../export/image-blobs.ts';
import type { BaseImage } from '../image/base-image.ts';
import type { Descriptor } from '../image/manifest.ts';
import { parseReference } from '../image/reference.ts';
import { layerTar } from '../layer/layer-tar.ts';
import { measureLayer } from '../layer/measure-layer.ts';
import type { OpGraph } from '../ops/op-graph.ts';
import type { Op, OpId } from '../ops/op.ts';
import type { PushBlob } from '../registry/upload.ts';
import {
  serializeCacheDocument,
  type CachedResult,
  type CacheLayer,
} from '../remote-cache/cache-document.ts';
import type { CacheForm, CacheTarget } from '../remote-cache/cache-option.ts';
import { writeLocalCache } from '../remote-cache/local-place.ts';
import { writeRegistryCache } from '../remote-cache/registry-place.ts';
import type { CommittedSnapshot, SnapshotId } from '../snapshot/snapshotter.ts';
import type { BaseImages } from './base-images.ts';
import { saveCacheMounts } from './cache-mount-archive.ts';
import { knownRepository } from './push-images.ts';
import type { ImportedCaches } from './import-caches.ts';
import type { Store } from './open-store.ts';
import type { RegistryAccess } from './registry-access.ts';

/** A target that is not in the image itself. */
export type OuterTarget = Exclude<CacheTarget, { type: 'inline' }>;

/** What exporting needs of the build. */
export interface ExportCacheDeps {
  readonly graph: OpGraph;
  /** The result of each op, as far as there is one. */
  readonly records: ReadonlyMap<OpId, CacheRecord>;
  readonly store: Store;
  readonly bases: BaseImages;
  readonly imports: ImportedCaches | undefined;
  readonly access: RegistryAccess;
  readonly emit: Emit;
  /** Milliseconds since the build began. */
  elapsed(): number;
}

/**
 * Writes the results of a build to each target; blobs that a target has already are not sent.
 * @throws BuildError CACHE_UNUSABLE, REGISTRY_*, unless the target ignores errors
 */
export async function exportCaches(
  targets: readonly OuterTarget[],
  deps: ExportCacheDeps,
  signal: AbortSignal,
): Promise<void> {
  for (const target of targets) {
    const place = target.type === 'local' ? target.directory : target.reference;
    const task = `cache ${place}`;
    const name = `exporting cache to ${place}`;
    deps.emit({ type: 'task-started', task, name, at: deps.elapsed() });
    let detail: string;
    try {
      detail = await exportCache(target, deps, signal);
    } catch (error) {
      signal.throwIfAborted();
      if (!target.ignoresErrors || !(error instanceof BuildError)) throw error;
      detail = `not written: ${error.message}`;
    }
    deps.emit({ type: 'task-done', task, at: deps.elapsed(), detail });
  }
}

async function exportCache(
  target: OuterTarget,
  deps: ExportCacheDeps,
  signal: AbortSignal,
): Promise<string> {
  const table = new LayerTable(target, deps);
  const results: CachedResult[] = [];
  for (const id of target.mode === 'max' ? allOps(deps.graph) : imageOps(deps.graph)) {
    const record = deps.records.get(id);
    if (record === undefined || !isWorthKeeping(deps.graph.ops[id])) continue;
    results.push(cachedResult(record, await table.add(id, record, signal)));
  }
  const mounts = target.savesMounts
    ? await saveCacheMounts(deps.graph, target, deps.store, signal)
    : [];
  const document = serializeCacheDocument({
    layers: table.layers,
    results,
    mounts: mounts.map(({ mount }) => mount),
  });
  const blobs = [...table.blobs, ...mounts.map(({ blob }) => blob)];
  const sent =
    target.type === 'local'
      ? await writeLocalCache(target, document, blobs, deps.imports?.damaged ?? new Set(), signal)
      : await writeRegistryCache(target, document, blobs, deps.access, signal);
  if (target.type === 'registry') noteOrigins(target.reference, table.blobs, deps.store.blobs);
  return `${String(results.length)} results, ${String(sent)} bytes of layers sent`;
}

/** A push to another repository of the registry need not send these again. */
function noteOrigins(reference: string, blobs: readonly PushBlob[], store: BlobStore): void {
  const { registry, repository } = parseReference(reference);
  for (const { descriptor } of blobs) {
    if (store.sizeOf(descriptor.digest) === undefined) continue;
    store.origins.note(descriptor.digest, `${registry}/${repository}`);
  }
}

/** A record as it stands in a cache, with the index of its top layer. */
export function cachedResult(record: CacheRecord, layer: number | undefined): CachedResult {
  const { key, contentKey, resultKey, createdAt, durationMs, bytes } = record;
  return { key, contentKey, resultKey, layer, createdAt, durationMs, bytes };
}

/** Base images are fetched from where they are, contexts read where they are. */
function isWorthKeeping(op: Op | undefined): boolean {
  return op !== undefined && (op.kind !== 'source' || isRemoteFile(op));
}

function isRemoteFile(op: Extract<Op, { kind: 'source' }>): boolean {
  return op.source.type === 'http' || op.source.type === 'git';
}

function allOps(graph: OpGraph): readonly OpId[] {
  return graph.ops.map((_, id) => id as OpId);
}

/** The ops whose layers are in the images, the lowest first. */
export function imageOps(graph: OpGraph): readonly OpId[] {
  const ids = new Set<OpId>();
  for (const { root } of graph.targets) {
    for (let id = root; id !== undefined; id = rootInput(graph.ops[id])) ids.add(id);
  }
  return [...ids].sort((a, b) => a - b);
}

/** The op whose files this one puts its own on. */
function rootInput(op: Op | undefined): OpId | undefined {
  switch (op?.kind) {
    case 'exec':
      return op.root;
    case 'file':
      return op.base;
    case 'merge':
      return op.inputs[0];
    case 'diff':
    case 'source':
    case undefined:
      return undefined;
    default:
      return op satisfies never;
  }
}

/** The layers of all results, each once in each place. */
class LayerTable {
  readonly layers: CacheLayer[] = [];
  readonly blobs: PushBlob[] = [];
  readonly #byChain = new Map<ChainId, number>();
  readonly #form: CacheForm;
  readonly #deps: ExportCacheDeps;
  /** The registry that they go to. */
  readonly #registry: string | undefined;

  constructor(target: OuterTarget, deps: ExportCacheDeps) {
    this.#form = target;
    this.#deps = deps;
    this.#registry =
      target.type === 'registry' ? parseReference(target.reference).registry : undefined;
  }

  /** Adds the layers of a result, and gives the index of the top one; undefined for no files at all. */
  async add(id: OpId, record: CacheRecord, signal: AbortSignal): Promise<number | undefined> {
    if (record.snapshot === undefined) return undefined;
    return record.isRemote === true
      ? this.#addImported(record)
      : this.#addChain(id, record.snapshot as SnapshotId, signal);
  }

  #addImported(record: CacheRecord): number | undefined {
    let top: number | undefined;
    let chain: ChainId | undefined;
    for (const imported of this.#deps.imports?.layersOf(record) ?? []) {
      const { diffId, blob, isBase, repository } = imported;
      chain = chainIdOf(chain, diffId);
      const layer: CacheLayer = { diffId, blob, parent: top, isBase };
      top =
        this.#byChain.get(chain) ??
        this.#append(chain, layer, (at) => stream(imported.open(0, at)), repository);
    }
    return top;
  }

  async #addChain(
    id: OpId,
    snapshot: SnapshotId,
    signal: AbortSignal,
  ): Promise<number | undefined> {
    const base = this.#baseOf(id);
    let top: number | undefined;
    let chain: ChainId | undefined;
    const snapshots = this.#deps.store.snapshots.chain(snapshot).toReversed();
    for (const [index, each] of snapshots.entries()) {
      const facts = await this.#factsOf(each, signal);
      chain = chainIdOf(chain, facts.diffId);
      const known = this.#byChain.get(chain);
      if (known !== undefined) {
        top = known;
        continue;
      }
      const { blob, isBase } = await this.#pack(each, facts, base, index, signal);
      const { blobs } = this.#deps.store;
      const layer = { diffId: facts.diffId, blob, parent: top, isBase };
      top = this.#append(chain, layer, (at) => blobs.openRead(blob.digest, at));
    }
    return top;
  }

  async #factsOf(
    { id, dir }: CommittedSnapshot,
    signal: AbortSignal,
  ): ReturnType<typeof measureLayer> {
    const { layers } = this.#deps.store;
    const known = layers.factsOf(id, undefined);
    if (known !== undefined) return known;
    const facts = await measureLayer(dir, { clampMtime: undefined }, signal);
    layers.putFacts(id, undefined, facts);
    return facts;
  }

  async #pack(
    { dir }: CommittedSnapshot,
    facts: Awaited<ReturnType<typeof measureLayer>>,
    base: BaseImage | undefined,
    index: number,
    signal: AbortSignal,
  ): Promise<{ readonly blob: Descriptor; readonly isBase: boolean }> {
    const { store, bases } = this.#deps;
    const isOfBase = base?.config.rootfs.diff_ids[index] === facts.diffId;
    const baseBlob = isOfBase ? base.layers[index] : undefined;
    if (base !== undefined && baseBlob !== undefined) {
      if (bases.isFetchable(base)) return { blob: baseBlob, isBase: true };
      if (store.blobs.sizeOf(baseBlob.digest) !== undefined)
        return { blob: baseBlob, isBase: false };
    }
    const open = (at: AbortSignal): AsyncIterable<Uint8Array> =>
      layerTar(dir, { clampMtime: undefined }, at);
    const { compression, forcesCompression } = this.#form;
    const deps = { blobs: store.blobs, root: store.root };
    const packed = await compressedLayer(
      { ...facts, open },
      compression,
      deps,
      signal,
      forcesCompression,
    );
    return { blob: layerDescriptor(packed, true), isBase: false };
  }

  /** `place` is a repository that has the blob, where one is known besides those of the store. */
  #append(chain: ChainId, layer: CacheLayer, open: PushBlob['open'], place?: string): number {
    const index = this.layers.push(layer) - 1;
    this.#byChain.set(chain, index);
    if (layer.isBase) return index;
    const { blob: descriptor } = layer;
    const known = this.#deps.store.blobs.origins.of(descriptor.digest);
    const places = place === undefined ? known : [place, ...known];
    const mountFrom =
      this.#registry === undefined ? undefined : knownRepository(places, this.#registry);
    this.blobs.push({ descriptor, open, mountFrom });
    return index;
  }

  /** The image that the chain of an op begins with. */
  #baseOf(id: OpId): BaseImage | undefined {
    const { graph, bases } = this.#deps;
    let lowest = id;
    for (let at: OpId | undefined = id; at !== undefined; at = rootInput(graph.ops[at]))
      lowest = at;
    const op = graph.ops[lowest];
    const isImage =
      op?.kind === 'source' && (op.source.type === 'image' || op.source.type === 'oci-layout');
    return isImage ? bases.ofOp(op) : undefined;
  }
}

async function* stream(
  opening: Promise<AsyncIterable<Uint8Array>>,
): AsyncGenerator<Uint8Array, void> {
  yield* await opening;
}
