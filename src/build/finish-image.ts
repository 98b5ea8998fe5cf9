import type { ChainId, Digest } from '../core/digest.ts';
import { chainIdOf, digestOf } from '../core/sha256.ts';
import { timeText } from '../core/time-text.ts';
import type { ImageConfig } from '../image/config.ts';
import type { Descriptor } from '../image/manifest.ts';
import { serializeConfig } from '../image/serialize.ts';
import type { StoredLayer } from '../image/stored-image.ts';
import { measureLayer } from '../layer/measure-layer.ts';
import type { TargetImage } from '../ops/op-graph.ts';
import type { OpId } from '../ops/op.ts';
import type { CommittedSnapshot, SnapshotId } from '../snapshot/snapshotter.ts';
import { dateHistory } from './history-dates.ts';
import type { Store } from './open-store.ts';
import type { SolvedGraph } from './solve-graph.ts';

/** An image that is complete but for compressed layers, which only some outputs need. */
export interface FinishedImage {
  readonly config: ImageConfig;
  readonly configBytes: Uint8Array;
  /** Digest of the config: what Docker calls the image id. */
  readonly id: Digest;
  /** Bottom to top. */
  readonly layers: readonly StoredLayer[];
  /** The file system; undefined when it is empty. */
  readonly root: SnapshotId | undefined;
  readonly platform: TargetImage['platform'];
}

/**
 * Makes the config of a target whose ops are solved: measures the layers that this build added, as
 * their diff ids are part of it, and fills in the times. Measured layers are remembered.
 */
export async function finishImage(
  target: TargetImage,
  baseLayers: readonly Descriptor[],
  solved: SolvedGraph,
  store: Store,
  epoch: number | undefined,
  now: number,
  signal: AbortSignal,
): Promise<FinishedImage> {
  const output = target.root === undefined ? undefined : solved.get(target.root)?.output;
  const root = output?.kind === 'snapshot' ? (output.id as SnapshotId | undefined) : undefined;
  const chain = root === undefined ? [] : store.snapshots.chain(root).toReversed();
  checkChain(chain, baseLayers.length, target.layers.length);

  const layers: StoredLayer[] = [];
  let chainId: ChainId | undefined;
  for (const [index, snapshot] of chain.entries()) {
    const isBase = index < baseLayers.length;
    const layer = await storedLayer(snapshot, isBase ? undefined : epoch, store, signal);
    chainId = chainIdOf(chainId, layer.diffId);
    if (epoch === undefined) store.layers.putSnapshot(chainId, snapshot.id);
    layers.push({ ...layer, blob: baseLayers[index] });
  }
  const config = dateHistory(
    {
      ...target.config,
      rootfs: { type: 'layers', diff_ids: layers.map(({ diffId }) => diffId) },
    },
    target.baseHistory,
    target.layers.map((id) => createdAt(id, solved, now)),
    timeText(now),
    epoch,
  );
  const configBytes = serializeConfig(config);
  return {
    config,
    configBytes,
    id: digestOf(configBytes),
    layers,
    root,
    platform: target.platform,
  };
}

async function storedLayer(
  snapshot: CommittedSnapshot,
  epoch: number | undefined,
  store: Store,
  signal: AbortSignal,
): Promise<StoredLayer> {
  const known = store.layers.factsOf(snapshot.id, epoch);
  const facts = known ?? (await measureLayer(snapshot.dir, { clampMtime: epoch }, signal));
  if (known === undefined) store.layers.putFacts(snapshot.id, epoch, facts);
  return { diffId: facts.diffId, size: facts.size, snapshot: snapshot.id, blob: undefined };
}

function createdAt(id: OpId, solved: SolvedGraph, now: number): string {
  return solved.get(id)?.createdAt ?? timeText(now);
}

/** Every step with a layer adds one snapshot. Anything else would ship the wrong files. */
function checkChain(chain: readonly CommittedSnapshot[], base: number, own: number): void {
  if (chain.length !== base + own) {
    throw new TypeError(
      `The image has ${chain.length} snapshots for ${base} base layers and ${own} steps`,
    );
  }
}
