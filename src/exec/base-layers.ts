import type { ChainId, DiffId } from '../core/digest.ts';
import { sharedSignal } from '../core/shared-signal.ts';
import { chainIdOf } from '../core/sha256.ts';
import type { BlobStore } from '../content/blob-store.ts';
import type { GrowingBlob } from '../content/growing-blob.ts';
import type { BaseImage } from '../image/base-image.ts';
import type { ImageSource } from '../image/image-source.ts';
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
export type BaseLayersDeps = Omit<LayersDeps, 'openLayer'> & Pick<ImageSource, 'openLayer'>;

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
 * what is below them, each while it comes. Digest, size and diff id are checked while the bytes pass, and a
 * layer is used only when all of them were right.
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
    parent =
      (await unpackEarly(layer, parent, downloads, deps, signal)) ??
      (await unpackStored(layer, parent, deps, signal));
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
interface Downloads extends AsyncDisposable {
  /** The bytes of a layer that is on its way to us; undefined when it is here, or came by another process. */
  growing(layer: StackedLayer): Promise<GrowingBlob | undefined>;
  /** Waits until a layer is here, checked. @throws what its download throws */
  done(layer: StackedLayer): Promise<void>;
}

function startDownloads(
  layers: readonly StackedLayer[],
  deps: LayersDeps,
  signal: AbortSignal,
): Downloads {
  const controller = new AbortController();
  const both = sharedSignal(AbortSignal.any([signal, controller.signal]));
  const total = layers.reduce((sum, { descriptor }) => sum + descriptor.size, 0);
  let fetched = 0;
  const onBytes = (bytes: number): void => {
    fetched += bytes;
    deps.onProgress(fetched, total);
  };
  const started = layers.map(({ descriptor }) => {
    let follow: (growing: GrowingBlob | undefined) => void = () => undefined;
    const growing = new Promise<GrowingBlob | undefined>((resolve) => {
      follow = resolve;
    });
    const done = download(descriptor, deps, both, { onBytes, follow }).finally(() => {
      follow(undefined);
    });
    // Every failure is seen through done(); one that nobody waits for any more must not end the process.
    done.catch(() => undefined);
    return { growing, done };
  });
  const startedOf = (layer: StackedLayer): (typeof started)[number] | undefined =>
    started[layers.indexOf(layer)];
  return {
    growing: async (layer) => startedOf(layer)?.growing,
    async done(layer) {
      await startedOf(layer)?.done;
    },
    async [Symbol.asyncDispose]() {
      controller.abort(new Error('The other layers are not needed any more'));
      await Promise.allSettled(started.map(({ done }) => done));
    },
  };
}

/** Makes sure that the stored bytes of one layer are here, and checked. */
export async function fetchLayer(
  layer: Descriptor,
  deps: Pick<LayersDeps, 'blobs' | 'lock' | 'openLayer'>,
  signal: AbortSignal,
): Promise<void> {
  await download(layer, deps, signal, { onBytes: () => undefined, follow: () => undefined });
}

interface DownloadHooks {
  readonly onBytes: (count: number) => void;
  readonly follow: (growing: GrowingBlob) => void;
}

async function download(
  layer: Descriptor,
  deps: Pick<LayersDeps, 'blobs' | 'lock' | 'openLayer'>,
  signal: AbortSignal,
  { onBytes, follow }: DownloadHooks,
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
  await deps.blobs.writeResumable(layer, openAt, signal, follow);
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

/**
 * Unpacks a layer while it comes. Undefined when it did not come that way, or what came first was wrong and
 * fetched again: it is here then, checked.
 * @throws what its download throws; else what unpacking throws
 */
async function unpackEarly(
  layer: StackedLayer,
  parent: SnapshotId | undefined,
  downloads: Downloads,
  deps: LayersDeps,
  signal: AbortSignal,
): Promise<SnapshotId | undefined> {
  const growing = await downloads.growing(layer);
  const isHere = (): Promise<void> => downloads.done(layer);
  if (growing === undefined) {
    await isHere();
    return undefined;
  }
  try {
    return await unpackOne(layer, parent, growing.read(), deps, signal, isHere);
  } catch (error) {
    await isHere();
    // The bytes were right, so it is the layer's own fault, or the disk's.
    if ((await growing.written) !== undefined) throw error;
    return undefined;
  }
}

/** Unpacks a layer whose blob is here. */
function unpackStored(
  layer: StackedLayer,
  parent: SnapshotId | undefined,
  deps: LayersDeps,
  signal: AbortSignal,
): Promise<SnapshotId> {
  const stream = deps.blobs.openRead(layer.descriptor.digest, signal);
  return unpackOne(layer, parent, stream, deps, signal, () => Promise.resolve());
}

/** `checked` is waited for before anything of the layer can be used. */
async function unpackOne(
  { diffId, chain }: StackedLayer,
  parent: SnapshotId | undefined,
  stream: AsyncIterable<Uint8Array>,
  deps: LayersDeps,
  signal: AbortSignal,
  checked: () => Promise<void>,
): Promise<SnapshotId> {
  await using active = await deps.snapshots.prepare(parent, signal);
  const unpacked = await unpackLayer(
    stream,
    active.upper,
    {
      lower: parent === undefined ? undefined : active.parentTree,
      expectedDiffId: diffId,
    },
    signal,
  );
  await checked();
  const { id } = await active.commit({
    bytes: unpacked.bytes,
    entries: unpacked.entries,
    isEmpty: unpacked.entries === 0,
  });
  deps.layers.putFacts(id, undefined, { diffId: unpacked.diffId, size: unpacked.size });
  deps.layers.putSnapshot(chain, id);
  return id;
}
