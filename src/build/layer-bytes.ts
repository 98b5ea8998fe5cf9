import type { StoredLayer } from '../image/stored-image.ts';
import type { Snapshotter, SnapshotId } from '../snapshot/snapshotter.ts';

/** Bytes of a layer of a stored image. */
export type LayerBytes = (layer: StoredLayer) => number;

/**
 * Sizes as Docker counts them: the content of the files that a layer adds. Of a layer that is not
 * unpacked, the size of its tar, which is somewhat more.
 */
export function layerBytesIn(snapshots: Pick<Snapshotter, 'get'>): LayerBytes {
  return ({ snapshot, size }) =>
    (snapshot === undefined ? undefined : snapshots.get(snapshot as SnapshotId)?.bytes) ?? size;
}

/** The bytes of images together, layers that they share counted once. */
export function totalBytes(layers: readonly StoredLayer[], bytesOf: LayerBytes): number {
  const sizes = new Map(layers.map((layer) => [layer.diffId, bytesOf(layer)]));
  return [...sizes.values()].reduce((sum, size) => sum + size, 0);
}
