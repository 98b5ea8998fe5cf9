import { textToBytes, type BytePath } from '../core/bytes.ts';
import { normalizePlatform } from '../core/platform.ts';
import type { ExportableImage, ExportableLayer } from '../export/image-blobs.ts';
import type { ClampMtimes } from '../export/root-entries.ts';
import { MAX_CONFIG_BYTES, parseConfig } from '../image/parse-config.ts';
import type { StoredImage, StoredLayer } from '../image/stored-image.ts';
import { layerTar } from '../layer/layer-tar.ts';
import { layerTarAside } from '../layer/tar-aside.ts';
import type { SnapshotId } from '../snapshot/snapshotter.ts';
import { layerNotHere } from './errors.ts';
import type { Store } from './open-store.ts';

/**
 * An image of the store, ready to be written somewhere. `name` is for messages.
 * @throws BuildError INVALID_IMAGE, BLOB_NOT_FOUND, BLOB_CORRUPT
 */
export function exportableImage(
  image: StoredImage,
  name: string,
  references: readonly string[],
  store: Store,
): ExportableImage {
  const configBytes = store.blobs.readBytes(image.id, MAX_CONFIG_BYTES);
  const config = parseConfig(configBytes, image.layers.length, name);
  const { os, architecture, variant } = config;
  return {
    config,
    configBytes,
    platform: normalizePlatform({ os, architecture, variant }),
    references,
    tree: store.snapshots.tree(image.layers.at(-1)?.snapshot as SnapshotId | undefined),
    clampMtimes: clampMtimesOf(image.layers, store),
    // What it was measured with is in its record: the times of new layers are clamped there already.
    layers: exportableLayers(image.layers, store),
  };
}

/** Of an image's layers, those whose times are not those of their files in the store. */
export function clampMtimesOf(layers: readonly StoredLayer[], store: Store): ClampMtimes {
  const clamps = new Map<BytePath, number>();
  for (const { snapshot, clampMtime } of layers) {
    const dir =
      snapshot === undefined || clampMtime === undefined
        ? undefined
        : store.snapshots.get(snapshot as SnapshotId)?.dir;
    if (dir !== undefined && clampMtime !== undefined) clamps.set(textToBytes(dir), clampMtime);
  }
  return clamps;
}

/** The layers of an image that were left in a registry, ready to be named there. */
export function layersElsewhere(layers: readonly StoredLayer[]): readonly ExportableLayer[] {
  return layers.map(({ diffId, size, blob }) => ({
    diffId,
    size,
    blob,
    open: () => {
      throw layerNotHere(diffId);
    },
  }));
}

/**
 * The layers of an image of the store, ready to be read: the compressed bytes they came with where they
 * are here, else a tar made of the snapshot.
 */
export function exportableLayers(
  layers: readonly StoredLayer[],
  store: Store,
): readonly ExportableLayer[] {
  return layers.map(({ diffId, size, snapshot, clampMtime, blob }) => {
    const frozen = (): string => {
      const found =
        snapshot === undefined ? undefined : store.snapshots.get(snapshot as SnapshotId);
      if (found === undefined) throw layerNotHere(diffId);
      return found.dir;
    };
    return {
      diffId,
      size,
      blob: blob !== undefined && store.blobs.sizeOf(blob.digest) !== undefined ? blob : undefined,
      open: (signal) => layerTar(frozen(), { clampMtime }, signal),
      openAside: () => layerTarAside(frozen(), { clampMtime }, { diffId, size }),
    };
  });
}
