import type { ChainId, DiffId, Digest } from '../core/digest.ts';
import { chainIdOf, digestOf } from '../core/sha256.ts';
import { timeText } from '../core/time-text.ts';
import type { PackedLayer } from '../exec/base-layers.ts';
import type { BaseImage } from '../image/base-image.ts';
import type { ImageConfig } from '../image/config.ts';
import { MEDIA_TYPE } from '../image/manifest.ts';
import { serializeConfig } from '../image/serialize.ts';
import type { StoredLayer } from '../image/stored-image.ts';
import type { LayerMeasurer } from '../layer/layer-measurer.ts';
import type { TargetImage } from '../ops/op-graph.ts';
import type { OpId } from '../ops/op.ts';
import type { CommittedSnapshot, SnapshotId } from '../snapshot/snapshotter.ts';
import { dateHistory } from './history-dates.ts';
import type { Store } from './open-store.ts';
import type { SolvedBuild, SolvedGraph } from './solve-graph.ts';

/** An image that is complete but for compressed layers, which only some outputs need. */
export interface FinishedImage {
  readonly config: ImageConfig;
  readonly configBytes: Uint8Array;
  /** Digest of the config: what Docker calls the image id. */
  readonly id: Digest;
  /** Bottom to top. */
  readonly layers: readonly StoredLayer[];
  /** False when layers were left in a registry: they have no snapshots, and none of them need be in the store. */
  readonly isHere: boolean;
  /** The file system; undefined when it is empty, or not here. */
  readonly root: SnapshotId | undefined;
  readonly platform: TargetImage['platform'];
}

/** Where layers are kept, and who measures them. */
export interface FinishDeps {
  readonly store: Store;
  readonly measurer: LayerMeasurer;
}

/**
 * Makes the config of a target whose ops are solved: measures the layers that this build added, as
 * their diff ids are part of it, and fills in the times. Measured layers are remembered.
 */
export async function finishImage(
  target: TargetImage,
  base: BaseImage | undefined,
  { solved, records, elsewhere }: SolvedBuild,
  { store, measurer }: FinishDeps,
  epoch: number | undefined,
  now: number,
  signal: AbortSignal,
): Promise<FinishedImage> {
  const left = target.root === undefined ? undefined : elsewhere.get(target.root);
  const output = target.root === undefined ? undefined : solved.get(target.root)?.output;
  const root = output?.kind === 'snapshot' ? (output.id as SnapshotId | undefined) : undefined;
  const baseCount = base?.layers.length ?? 0;
  const chain = root === undefined ? [] : store.snapshots.chain(root).toReversed();
  checkChain((left ?? chain).length, baseCount, target.layers.length);

  const measured = await Promise.all(
    chain.map(async (snapshot, index) => {
      // Layers of a base image keep the times they came with.
      const clamp = index < baseCount ? base?.local?.clampMtimes[index] : epoch;
      const diffId = index < baseCount ? base?.config.rootfs.diff_ids[index] : undefined;
      const layer = await storedLayer(snapshot, clamp, diffId, { store, measurer }, signal);
      return { ...layer, blob: storedBlob(base, index) };
    }),
  );
  const layers = left?.map(layerLeft) ?? measured;
  if (epoch === undefined) rememberChain(chain, measured, store);
  const config = dateHistory(
    {
      ...target.config,
      rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    },
    target.baseHistory,
    target.layers.map((id) => createdAt(id, records, solved, now)),
    timeText(now),
    epoch,
  );
  const configBytes = serializeConfig(config);
  return {
    config,
    configBytes,
    id: digestOf(configBytes),
    layers,
    isHere: left === undefined,
    root,
    platform: target.platform,
  };
}

/** Such an image is pushed and not stored, so that nobody asks for the size of the tar, which is not known. */
function layerLeft({ descriptor, diffId }: PackedLayer): StoredLayer {
  return { diffId, size: descriptor.size, snapshot: undefined, blob: descriptor };
}

/** So that a base image with the same layers is known to be here. */
function rememberChain(
  chain: readonly CommittedSnapshot[],
  layers: readonly StoredLayer[],
  store: Store,
): void {
  let chainId: ChainId | undefined;
  for (const [index, { diffId }] of layers.entries()) {
    chainId = chainIdOf(chainId, diffId);
    const id = chain[index]?.id;
    if (id !== undefined) store.layers.putSnapshot(chainId, id);
  }
}

async function storedLayer(
  snapshot: CommittedSnapshot,
  epoch: number | undefined,
  baseDiffId: DiffId | undefined,
  { store, measurer }: FinishDeps,
  signal: AbortSignal,
): Promise<StoredLayer> {
  const known = store.layers.factsOf(snapshot.id, epoch);
  const measured = known ?? (await measurer.measure(snapshot.dir, { clampMtime: epoch }, signal));
  // A tar that others made seldom has the bytes of ours, and a prune may have taken the note of it away.
  const facts = { ...measured, diffId: baseDiffId ?? measured.diffId };
  if (known === undefined) store.layers.putFacts(snapshot.id, epoch, facts);
  const { diffId, size } = facts;
  return { diffId, size, snapshot: snapshot.id, clampMtime: epoch, blob: undefined };
}

/** The bytes that a base image's layer came in. One that was only ever in the local store has none. */
function storedBlob(base: BaseImage | undefined, index: number): StoredLayer['blob'] {
  const blob = base?.layers[index];
  return base?.local !== undefined && blob?.mediaType === MEDIA_TYPE.ociLayer ? undefined : blob;
}

/** Also of a step whose files were not fetched: its layer is in the image all the same. */
function createdAt(
  id: OpId,
  records: SolvedBuild['records'],
  solved: SolvedGraph,
  now: number,
): string {
  return solved.get(id)?.createdAt ?? records.get(id)?.createdAt ?? timeText(now);
}

/** Every step with a layer adds one snapshot. Anything else would ship the wrong files. */
function checkChain(count: number, base: number, own: number): void {
  if (count !== base + own) {
    throw new TypeError(`The image has ${count} layers for ${base} base layers and ${own} steps`);
  }
}
