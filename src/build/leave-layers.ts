import type { CacheRecord } from '../cache/cache-store.ts';
import type { ChainId } from '../core/digest.ts';
import { chainIdOf } from '../core/sha256.ts';
import { BuildError } from '../diagnostics/build-error.ts';
import type { PackedLayer } from '../exec/base-layers.ts';
import { formOf } from '../export/image-blobs.ts';
import type { BaseImage } from '../image/base-image.ts';
import { parseReference } from '../image/reference.ts';
import type { OpGraph, TargetImage } from '../ops/op-graph.ts';
import type { OpId } from '../ops/op.ts';
import type { BaseImages } from './base-images.ts';
import type { ClaimBlobs, RemoteBlob } from './claim-blobs.ts';
import type { ImportedCaches, ImportedLayer } from './import-caches.ts';
import type { Store } from './open-store.ts';
import type { PushedOnly } from './pushed-only.ts';

/** What the decision needs of the build. */
export interface LeaveDeps {
  readonly graph: Pick<OpGraph, 'ops' | 'targets'>;
  readonly bases: Pick<BaseImages, 'ofOp' | 'isFetchable'>;
  readonly imports: Pick<ImportedCaches, 'layersOf'> | undefined;
  readonly store: LayersHere;
  /** SOURCE_DATE_EPOCH. */
  readonly epoch: number | undefined;
  readonly claim: ClaimBlobs;
}

/** What the store is asked: which layers it has the files of. */
export interface LayersHere {
  readonly layers: Pick<Store['layers'], 'snapshotOf'>;
  readonly snapshots: Pick<Store['snapshots'], 'get'>;
}

interface Layer extends PackedLayer, RemoteBlob {}

/**
 * The layers of a target's result, bottom to top, when all of them are known and in the repositories that the
 * image goes to, so that none of them need be fetched. `record` is of an imported cache; without one the
 * result is a base image. Undefined when layers have to come here, for whatever reason: also when a registry
 * cannot be asked, as the push says then what is wrong.
 */
export async function leaveLayers(
  op: OpId,
  record: CacheRecord | undefined,
  { references, isInsecure }: PushedOnly,
  deps: LeaveDeps,
  signal: AbortSignal,
): Promise<readonly PackedLayer[] | undefined> {
  const target = deps.graph.targets.find(({ root }) => root === op);
  const layers = target && layersOf(target, record, deps);
  if (layers === undefined || isHere(layers, deps.store)) return undefined;
  try {
    const claimed = await deps.claim(layers, references, { isInsecure }, signal);
    return layers.every(({ descriptor }) => claimed.has(descriptor.digest)) ? layers : undefined;
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof BuildError) return undefined;
    throw error;
  }
}

/** As they would be in the image's manifest; undefined where that is not known without their files. */
function layersOf(
  target: TargetImage,
  record: CacheRecord | undefined,
  { graph, bases, imports, epoch }: LeaveDeps,
): readonly Layer[] | undefined {
  const source = target.base === undefined ? undefined : graph.ops[target.base];
  if (target.base !== undefined && source?.kind !== 'source') return undefined;
  const base = source?.kind === 'source' ? bases.ofOp(source) : undefined;
  if (base !== undefined && !bases.isFetchable(base)) return undefined;
  // The times in new layers are changed then, and so their digests.
  if (epoch !== undefined && target.layers.length > 0) return undefined;
  const isOfRegistry = source?.kind === 'source' && source.source.type === 'image';
  const cached = record === undefined ? [] : (imports?.layersOf(record) ?? []);
  const below = base === undefined ? [] : baseLayers(base, isOfRegistry, cached);
  const isOnBase =
    record === undefined || below.every(({ diffId }, index) => cached[index]?.diffId === diffId);
  const own = cached.slice(below.length).map((layer): Layer => ({
    diffId: layer.diffId,
    descriptor: layer.blob,
    repositories: placesOf(layer),
  }));
  const layers = [...below, ...own];
  const isWhole = isOnBase && own.length === target.layers.length && layers.length > 0;
  const areKnown = layers.every(({ descriptor }) => formOf(descriptor.mediaType) !== undefined);
  return isWhole && areKnown ? layers : undefined;
}

/** An image that carries its own cache has the layers of its base as well. */
function baseLayers(
  base: BaseImage,
  isOfRegistry: boolean,
  cached: readonly ImportedLayer[],
): readonly Layer[] {
  const own = isOfRegistry ? [repositoryOf(base)] : [];
  return base.layers.flatMap((descriptor, index) => {
    const diffId = base.config.rootfs.diff_ids[index];
    const same = cached[index]?.blob.digest === descriptor.digest ? cached[index] : undefined;
    const repositories = [...own, ...placesOf(same)];
    return diffId === undefined ? [] : [{ descriptor, diffId, repositories }];
  });
}

function repositoryOf(base: BaseImage): string {
  const { registry, repository } = parseReference(base.name);
  return `${registry}/${repository}`;
}

function placesOf(layer: ImportedLayer | undefined): readonly string[] {
  return layer?.repository === undefined ? [] : [layer.repository];
}

/** Files that are here need not be fetched, so that the image can be kept. */
function isHere(layers: readonly Layer[], store: LayersHere): boolean {
  let chain: ChainId | undefined;
  for (const { diffId } of layers) chain = chainIdOf(chain, diffId);
  const snapshot = chain && store.layers.snapshotOf(chain);
  return snapshot !== undefined && store.snapshots.get(snapshot) !== undefined;
}
