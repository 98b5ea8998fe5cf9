import type { ChainId, DiffId } from '../core/digest.ts';
import { sharedSignal } from '../core/shared-signal.ts';
import { chainIdOf } from '../core/sha256.ts';
import type { BlobStore } from '../content/blob-store.ts';
import type { BaseImage } from '../image/base-image.ts';
import type { Descriptor } from '../image/manifest.ts';
import type { LayerIndex } from '../layer/layer-index.ts';
import { unpackLayer } from '../layer/unpack.ts';
import type { SnapshotId, Snapshotter } from '../snapshot/snapshotter.ts';

/** What fetching and unpacking needs. */
export interface LayersDeps {
  readonly blobs: BlobStore;
  readonly snapshots: Snapshotter;
  readonly layers: LayerIndex;
  /** The stored bytes of a layer from byte `offset` on, when they are not in the blob store yet. */
  openLayer(
    layer: Descriptor,
    offset: number,
    signal: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array>>;
  /** Keeps other processes from unpacking the same layers at the same time. */
  lock(name: string, signal: AbortSignal): Promise<AsyncDisposable>;
  /** Bytes fetched so far of those to fetch. */
  onProgress(fetched: number, total: number): void;
}

/** What fetching and unpacking the layers of base images needs. */
export interface BaseLayersDeps extends Omit<LayersDeps, 'openLayer'> {
  /** The stored bytes of a layer from byte `offset` on, when they are not in the blob store yet. */
  openLayer(
    image: BaseImage,
    layer: Descriptor,
    offset: number,
    signal: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array>>;
}

/** A layer as it is stored, and what it is when it is unpacked. */
export interface PackedLayer {
  readonly descriptor: Descriptor;
  readonly diffId: DiffId;
}

/** A layer with its place in the stack. */
interface StackedLayer extends PackedLayer {
  readonly chain: ChainId;
}

/** Makes sure that the files of a base image are here, as `ensureLayers` does. */
export function ensureBaseLayers(
  image: BaseImage,
  deps: BaseLayersDeps,
  signal: AbortSignal,
): Promise<SnapshotId | undefined> {
  // Its layers need not be known by their chain: times of files may differ from those in the tars.
  const own = image.local?.snapshot as SnapshotId | undefined;
  if (own !== undefined && deps.snapshots.get(own) !== undefined) return Promise.resolve(own);
  const layers = image.layers.map((descriptor, index): PackedLayer => {
    const diffId = image.config.rootfs.diff_ids[index];
    if (diffId === undefined) throw new RangeError(`Layer ${index} has no diff id`);
    return { descriptor, diffId };
  });
  const openLayer: LayersDeps['openLayer'] = (layer, offset, layerSignal) =>
    deps.openLayer(image, layer, offset, layerSignal);
  return ensureLayers(layers, { ...deps, openLayer }, signal);
}

/**
 * Makes sure that the files of a stack of layers (bottom to top) are here, and returns the snapshot of
 * the top layer; undefined where there is none. Layers that are here already are not fetched. Missing
 * ones download at the same time and are unpacked from the bottom up, as a layer's directories may need
 * what is below them. Digest, size and diff id are checked while the bytes pass.
 */
export async function ensureLayers(
  layers: readonly PackedLayer[],
  deps: LayersDeps,
  signal: AbortSignal,
): Promise<SnapshotId | undefined> {
  const stack = stackOf(layers);
  const top = stack.at(-1);
  if (top === undefined) return undefined;
  const present = snapshotOf(top.chain, deps);
  if (present !== undefined) return present;

  await using _lock = await deps.lock(`chain-${top.chain.slice('sha256:'.length)}`, signal);
  const from = stack.findLastIndex((layer) => snapshotOf(layer.chain, deps) !== undefined);
  const below = stack[from];
  let parent = below === undefined ? undefined : snapshotOf(below.chain, deps);
  const missing = stack.slice(from + 1);
  await using downloads = startDownloads(missing, deps, signal);
  for (const layer of missing) {
    await downloads.done(layer);
    parent = await unpackOne(layer, parent, deps, signal);
  }
  return parent;
}

function stackOf(layers: readonly PackedLayer[]): StackedLayer[] {
  let chain: ChainId | undefined;
  return layers.map(({ descriptor, diffId }) => {
    chain = chainIdOf(chain, diffId);
    return { descriptor, diffId, chain };
  });
}

function snapshotOf(chain: ChainId, deps: LayersDeps): SnapshotId | undefined {
  const id = deps.layers.snapshotOf(chain);
  return id !== undefined && deps.snapshots.get(id) !== undefined ? id : undefined;
}

/** Downloads that run side by side. Disposing stops those that are still on their way. */
function startDownloads(
  layers: readonly StackedLayer[],
  deps: LayersDeps,
  signal: AbortSignal,
): AsyncDisposable & { done(layer: StackedLayer): Promise<void> } {
  const controller = new AbortController();
  const both = sharedSignal(AbortSignal.any([signal, controller.signal]));
  const total = layers.reduce((sum, { descriptor }) => sum + descriptor.size, 0);
  let fetched = 0;
  const started = layers.map((layer) =>
    download(layer.descriptor, deps, both, (bytes) => {
      fetched += bytes;
      deps.onProgress(fetched, total);
    }),
  );
  // Every failure is seen through done(); one that nobody waits for any more must not end the process.
  for (const promise of started) promise.catch(() => undefined);
  return {
    async done(layer) {
      await started[layers.indexOf(layer)];
    },
    async [Symbol.asyncDispose]() {
      controller.abort(new Error('The other layers are not needed any more'));
      await Promise.allSettled(started);
    },
  };
}

async function download(
  layer: Descriptor,
  deps: LayersDeps,
  signal: AbortSignal,
  onBytes: (count: number) => void,
): Promise<void> {
  if (deps.blobs.sizeOf(layer.digest) !== undefined) {
    onBytes(layer.size);
    return;
  }
  await using _lock = await deps.lock(`blob-${layer.digest.slice('sha256:'.length)}`, signal);
  if (deps.blobs.sizeOf(layer.digest) !== undefined) {
    onBytes(layer.size);
    return;
  }
  const openAt = async (offset: number): Promise<AsyncIterable<Uint8Array>> => {
    onBytes(offset);
    return counted(await deps.openLayer(layer, offset, signal), onBytes);
  };
  await deps.blobs.writeResumable(layer, openAt, signal);
}

async function* counted(
  stream: AsyncIterable<Uint8Array>,
  onBytes: (count: number) => void,
): AsyncGenerator<Uint8Array> {
  for await (const chunk of stream) {
    onBytes(chunk.byteLength);
    yield chunk;
  }
}

async function unpackOne(
  { descriptor, diffId, chain }: StackedLayer,
  parent: SnapshotId | undefined,
  deps: LayersDeps,
  signal: AbortSignal,
): Promise<SnapshotId> {
  await using active = await deps.snapshots.prepare(parent, signal);
  const unpacked = await unpackLayer(
    deps.blobs.openRead(descriptor.digest, signal),
    active.upper,
    {
      lower: parent === undefined ? undefined : active.parentTree,
      expectedDiffId: diffId,
    },
    signal,
  );
  const { id } = await active.commit({
    bytes: unpacked.bytes,
    entries: unpacked.entries,
    isEmpty: unpacked.entries === 0,
  });
  deps.layers.putFacts(id, undefined, { diffId: unpacked.diffId, size: unpacked.size });
  deps.layers.putSnapshot(chain, id);
  return id;
}
