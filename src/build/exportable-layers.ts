import type { ExportableLayer } from '../export/image-blobs.ts';
import type { StoredLayer } from '../image/stored-image.ts';
import { layerTar } from '../layer/layer-tar.ts';
import type { SnapshotId } from '../snapshot/snapshotter.ts';
import { layerNotHere } from './errors.ts';
import type { Store } from './open-store.ts';

/**
 * The layers of an image of the store, ready to be read: the compressed bytes they came with where they
 * are here, else a tar made of the snapshot. `epoch` is what new layers were measured with.
 */
export function exportableLayers(
  layers: readonly StoredLayer[],
  store: Store,
  epoch: number | undefined,
): readonly ExportableLayer[] {
  return layers.map(({ diffId, size, snapshot, blob }) => ({
    diffId,
    size,
    blob: blob !== undefined && store.blobs.sizeOf(blob.digest) !== undefined ? blob : undefined,
    open: (signal) => {
      const frozen =
        snapshot === undefined ? undefined : store.snapshots.get(snapshot as SnapshotId);
      if (frozen === undefined) throw layerNotHere(diffId);
      // Layers of a base image keep the times they came with.
      return layerTar(frozen.dir, { clampMtime: blob === undefined ? epoch : undefined }, signal);
    },
  }));
}
