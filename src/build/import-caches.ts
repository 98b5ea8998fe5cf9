import type { CacheKey } from '../cache/cache-key.ts';
import type { CacheRecord } from '../cache/cache-store.ts';
import { DisposeStack } from '../core/dispose-stack.ts';
import type { Digest } from '../core/digest.ts';
import { BuildError } from '../diagnostics/build-error.ts';
import { ensureLayers } from '../exec/base-layers.ts';
import { rememberFetched } from '../export/compressed-layer.ts';
import { formOf } from '../export/image-blobs.ts';
import type { CachedResult, CacheLayer } from '../remote-cache/cache-document.ts';
import type { Op } from '../ops/op.ts';
import type { CacheSource } from '../remote-cache/cache-option.ts';
import { openLocalPlace } from '../remote-cache/local-place.ts';
import { readCache, type CachePlace } from '../remote-cache/read-cache.ts';
import { openRegistryPlace } from '../remote-cache/registry-place.ts';
import type { SnapshotId } from '../snapshot/snapshotter.ts';
import type { BaseImages } from './base-images.ts';
import { restoreCacheMounts, type ImportedMount } from './cache-mount-archive.ts';
import type { Store } from './open-store.ts';
import type { RegistryAccess } from './registry-access.ts';

/** A layer of an imported cache, and how its blob is had. */
export interface ImportedLayer extends CacheLayer {
  /** `registry/repository` that has its blob; undefined for a directory, and for layers of base images. */
  readonly repository: string | undefined;
  /** The stored bytes from byte `offset` on, unchecked. */
  open(offset: number, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
}

/** Results of other builds. Dispose it to close connections. */
export interface ImportedCaches extends AsyncDisposable {
  /** A result by key; its `snapshot` is a name that `fetch` and `layersOf` know. */
  find(key: CacheKey): CacheRecord | undefined;
  /**
   * Brings the files of a result here. Undefined when that cannot be: what was found is told in a line,
   * and the step runs as if there were no such result.
   * @throws BuildError DISK_FULL and other faults of this host
   */
  fetch(
    record: CacheRecord,
    onProgress: (fetched: number, total: number) => void,
    signal: AbortSignal,
  ): Promise<SnapshotId | undefined>;
  /** The layers of a result, bottom to top. */
  layersOf(record: CacheRecord): readonly ImportedLayer[];
  /** Fills the cache mounts of a step that are not here from what a cache saved. */
  restoreMounts(op: Op, signal: AbortSignal): Promise<void>;
  /** Blobs that turned out to be other bytes than their digest says. */
  readonly damaged: ReadonlySet<Digest>;
}

/** What importing needs of the build. */
export interface ImportDeps {
  readonly store: Store;
  readonly bases: BaseImages;
  readonly access: RegistryAccess;
  /** Told in plain words what could not be used. */
  readonly note: (text: string) => void;
}

interface Import {
  readonly place: CachePlace;
  readonly layers: readonly CacheLayer[];
}

/** A result, and where its layers are. */
interface Entry {
  readonly import: Import;
  readonly result: CachedResult;
}

/**
 * Reads what the sources have: one small document each, no layers. A source that is not there, or is
 * none, is told in a line and passed over. Earlier sources go before later ones.
 */
export async function importCaches(
  sources: readonly CacheSource[],
  deps: ImportDeps,
  signal: AbortSignal,
): Promise<ImportedCaches> {
  await using places = new DisposeStack();
  const byKey = new Map<CacheKey, Entry>();
  const mounts = new Map<string, ImportedMount>();
  const read = await Promise.all(
    sources.map(async (source) => {
      const place = openPlace(source, deps.access, places);
      return { source, place, documents: await readOrTell(place, deps, signal) };
    }),
  );
  for (const { source, place, documents } of read) {
    for (const { layers, results, mounts: saved } of documents) {
      const from: Import = { place, layers };
      for (const result of results) {
        for (const key of [result.key, result.contentKey]) {
          if (key !== undefined && !byKey.has(key)) byKey.set(key, { import: from, result });
        }
      }
      if (!source.restoresMounts) continue;
      for (const mount of saved) {
        if (!mounts.has(mount.id)) mounts.set(mount.id, { ...mount, place });
      }
    }
  }
  return new Imports(byKey, mounts, deps, places.move());
}

function openPlace(source: CacheSource, access: RegistryAccess, places: DisposeStack): CachePlace {
  if (source.type === 'local') return openLocalPlace(source, source.digest);
  const place = openRegistryPlace(source, access);
  places.defer(() => place[Symbol.dispose]());
  return place;
}

async function readOrTell(
  place: CachePlace,
  { note }: ImportDeps,
  signal: AbortSignal,
): ReturnType<typeof readCache> {
  try {
    return await readCache(place, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof BuildError)) throw error;
    note(`No cache from "${place.name}": ${error.message}`);
    return [];
  }
}

/** Faults of this host: a step that runs instead would meet them too. */
const FATAL = new Set(['DISK_FULL', 'DISK_FAILED', 'FILE_WRITE', 'STORE_UNUSABLE']);
const DAMAGED = new Set(['BLOB_DIGEST_MISMATCH', 'BLOB_SIZE_MISMATCH', 'DIFF_ID_MISMATCH']);

class Imports implements ImportedCaches {
  readonly damaged = new Set<Digest>();
  readonly #byKey: ReadonlyMap<CacheKey, Entry>;
  readonly #mounts: ReadonlyMap<string, ImportedMount>;
  /** By the name of a record's snapshot. */
  readonly #byName = new Map<string, Entry>();
  readonly #deps: ImportDeps;
  readonly #places: AsyncDisposable;
  readonly #told = new Set<string>();

  constructor(
    byKey: ReadonlyMap<CacheKey, Entry>,
    mounts: ReadonlyMap<string, ImportedMount>,
    deps: ImportDeps,
    places: AsyncDisposable,
  ) {
    this.#byKey = byKey;
    this.#mounts = mounts;
    this.#deps = deps;
    this.#places = places;
  }

  find(key: CacheKey): CacheRecord | undefined {
    const entry = this.#byKey.get(key);
    if (entry === undefined) return undefined;
    const { resultKey, contentKey, createdAt, durationMs, bytes, layer } = entry.result;
    const common = { key, resultKey, parts: {}, slot: '', createdAt, durationMs, bytes };
    if (layer === undefined) return { ...common, contentKey, snapshot: undefined };
    const snapshot = `imported ${entry.result.key}`;
    this.#byName.set(snapshot, entry);
    return { ...common, contentKey, snapshot, isRemote: true };
  }

  layersOf({ snapshot }: CacheRecord): readonly ImportedLayer[] {
    const entry = this.#byName.get(snapshot ?? '');
    const stack: ImportedLayer[] = [];
    let at = entry?.result.layer;
    while (entry !== undefined && at !== undefined) {
      const layer = entry.import.layers[at];
      if (layer === undefined) break;
      stack.unshift({
        ...layer,
        repository: layer.isBase ? undefined : entry.import.place.repository,
        open: (offset, signal) => this.#open(entry.import, layer, offset, signal),
      });
      at = layer.parent;
    }
    return stack;
  }

  async fetch(
    record: CacheRecord,
    onProgress: (fetched: number, total: number) => void,
    signal: AbortSignal,
  ): Promise<SnapshotId | undefined> {
    const { store, note } = this.#deps;
    const layers = this.layersOf(record);
    const byDigest = new Map(layers.map((layer) => [layer.blob.digest, layer]));
    try {
      const snapshot = await ensureLayers(
        layers.map(({ blob, diffId }) => ({ descriptor: blob, diffId })),
        {
          blobs: store.blobs,
          snapshots: store.snapshots,
          layers: store.layers,
          lock: (name, lockSignal) => store.lock(name, lockSignal),
          onProgress,
          openLayer: ({ digest }, offset, layerSignal) => {
            const layer = byDigest.get(digest);
            if (layer === undefined) throw new TypeError(`No layer ${digest}`);
            return layer.open(offset, layerSignal);
          },
        },
        signal,
      );
      for (const { blob, diffId, isBase, repository } of layers) {
        const form = formOf(blob.mediaType);
        const { digest, size } = blob;
        const isKept = repository !== undefined && store.blobs.sizeOf(digest) !== undefined;
        if (isKept) store.blobs.origins.note(digest, repository);
        if (isBase || form === undefined) continue;
        // As it came is how it goes on: to a registry, or into another cache.
        rememberFetched(store.root, diffId, { digest, size, form });
      }
      return snapshot;
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof BuildError) || FATAL.has(error.code)) throw error;
      if (DAMAGED.has(error.code)) for (const { blob } of layers) this.damaged.add(blob.digest);
      const { name } = this.#byName.get(record.snapshot ?? '')?.import.place ?? { name: '' };
      // Several results may need one layer.
      if (!this.#told.has(error.message)) {
        note(`The cache "${name}" lost a result, so its step runs: ${error.message}`);
      }
      this.#told.add(error.message);
      return undefined;
    }
  }

  restoreMounts(op: Op, signal: AbortSignal): Promise<void> {
    return restoreCacheMounts(op, this.#mounts, this.#deps.store, this.#deps.note, signal);
  }

  #open(
    from: Import,
    layer: CacheLayer,
    offset: number,
    signal: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array>> {
    return layer.isBase
      ? this.#deps.bases.openBlob(layer.blob, offset, signal)
      : from.place.open(layer.blob, offset, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#places[Symbol.asyncDispose]();
  }
}
