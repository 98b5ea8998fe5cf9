import { digestOf } from '../core/sha256.ts';
import { serializeConfig } from '../image/serialize.ts';
import {
  serializeInlineResults,
  type CachedResult,
  type CacheLayer,
} from '../remote-cache/cache-document.ts';
import type { SnapshotId } from '../snapshot/snapshotter.ts';
import { cachedResult, imageOps, type ExportCacheDeps } from './export-caches.ts';
import type { FinishedImage } from './finish-image.ts';

/** The image with the results of its steps in its config (`--cache-to type=inline`). Its id is another one. */
export function withInlineCache(
  image: FinishedImage,
  {
    graph,
    records,
    store,
    imports,
  }: Pick<ExportCacheDeps, 'graph' | 'records' | 'store' | 'imports'>,
): FinishedImage {
  const own = new Map(
    image.layers.flatMap(({ snapshot }, index) =>
      snapshot === undefined ? [] : [[snapshot, index] as const],
    ),
  );
  const results = imageOps(graph).flatMap((id): CachedResult[] => {
    const record = records.get(id);
    if (record?.snapshot === undefined || graph.ops[id]?.kind === 'source') return [];
    const layer =
      record.isRemote === true
        ? placeOf(imports?.layersOf(record) ?? [], image)
        : own.get(store.snapshots.get(record.snapshot as SnapshotId)?.id ?? '');
    return layer === undefined ? [] : [cachedResult(record, layer)];
  });
  const config = { ...image.config, inlineCache: serializeInlineResults(results) };
  const configBytes = serializeConfig(config);
  return { ...image, config, configBytes, id: digestOf(configBytes) };
}

/** The index of a result's top layer, when all of them are the lowest ones of the image. */
function placeOf(
  layers: readonly Pick<CacheLayer, 'diffId'>[],
  image: FinishedImage,
): number | undefined {
  const isOfImage = layers.every(({ diffId }, index) => image.layers[index]?.diffId === diffId);
  return isOfImage && layers.length > 0 ? layers.length - 1 : undefined;
}
