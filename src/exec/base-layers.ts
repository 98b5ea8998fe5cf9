import type { ChainId } from '../core/digest.ts';
import { chainIdOf } from '../core/sha256.ts';
import type { BlobStore } from '../content/blob-store.ts';
import type { BaseImage } from '../image/base-image.ts';
import type { Descriptor } from '../image/manifest.ts';
import type { LayerIndex } from '../layer/layer-index.ts';
import { unpackLayer } from '../layer/unpack.ts';
import type { SnapshotId, Snapshotter } from '../snapshot/snapshotter.ts';

/** What fetching and unpacking needs. */
export interface BaseLayersDeps {
  readonly blobs: BlobStore;
  readonly snapshots: Snapshotter;
  readonly layers: LayerIndex;
  /** The stored bytes of a layer from byte `offset` on, when they are not in the blob store yet. */
  openLayer(
    image: BaseImage,
    layer: Descriptor,
    offset: number,
    signal: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array>>;
  /** Keeps other processes from unpacking the same layers at the same time. */
  lock(name: string, signal: AbortSignal): Promise<AsyncDisposable>;
  /** Bytes fetched so far of those to fetch. */
  onProgress(fetched: number, total: number): void;
}

/** A layer with its place in the stack. */
interface StackedLayer {
  readonly descriptor: Descriptor;
  readonly chain: ChainId;
  readonly index: number;
}

/**
 * Makes sure that the files of a base image are here, and returns the snapshot of its top layer;
 * undefined for an image without layers. Layers that are here already are not fetched. Missing ones
 * download at the same time and are unpacked from the bottom up, as a layer's directories may need
 * what is below them. Digest, size and diff id are checked while the bytes pass.
 */
export async function ensureBaseLayers(
  image: BaseImage,
  deps: BaseLayersDeps,
  signal: AbortSignal,
): Promise<SnapshotId | undefined> {
  const stack = stackOf(image);
  const top = stack.at(-1);
  if (top === undefined) return undefined;
  const present = snapshotOf(top.chain, deps);
  if (present !== undefined) return present;

  await using _lock = await deps.lock(`chain-${top.chain.slice('sha256:'.length)}`, signal);
  const from = stack.findLastIndex((layer) => snapshotOf(layer.chain, deps) !== undefined);
  const below = stack[from];
  let parent = below === undefined ? undefined : snapshotOf(below.chain, deps);
  const missing = stack.slice(from + 1);
  await using downloads = startDownloads(image, missing, deps, signal);
  for (const layer of missing) {
    await downloads.done(layer);
    parent = await unpackOne(image, layer, parent, deps, signal);
  }
  return parent;
}

function stackOf(image: BaseImage): StackedLayer[] {
  let chain: ChainId | undefined;
  return image.layers.map((descriptor, index) => {
    const diffId = image.config.rootfs.diff_ids[index];
    if (diffId === undefined) throw new RangeError(`Layer ${index} has no diff id`);
    chain = chainIdOf(chain, diffId);
    return { descriptor, chain, index };
  });
}

function snapshotOf(chain: ChainId, deps: BaseLayersDeps): SnapshotId | undefined {
  const id = deps.layers.snapshotOf(chain);
  return id !== undefined && deps.snapshots.get(id) !== undefined ? id : undefined;
}

/** Downloads that run side by side. Disposing stops those that are still on their way. */
function startDownloads(
  image: BaseImage,
  layers: readonly StackedLayer[],
  deps: BaseLayersDeps,
  signal: AbortSignal,
): AsyncDisposable & { done(layer: StackedLayer): Promise<void> } {
  const controller = new AbortController();
  const both = AbortSignal.any([signal, controller.signal]);
  const total = layers.reduce((sum, { descriptor }) => sum + descriptor.size, 0);
  let fetched = 0;
  const started = layers.map((layer) =>
    download(image, layer.descriptor, deps, both, (bytes) => {
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
  image: BaseImage,
  layer: Descriptor,
  deps: BaseLayersDeps,
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
    return counted(await deps.openLayer(image, layer, offset, signal), onBytes);
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
  image: BaseImage,
  layer: StackedLayer,
  parent: SnapshotId | undefined,
  deps: BaseLayersDeps,
  signal: AbortSignal,
): Promise<SnapshotId> {
  const { descriptor, chain, index } = layer;
  const diffId = image.config.rootfs.diff_ids[index];
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
