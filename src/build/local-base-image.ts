import { findForPlatform, type Platform } from '../core/platform.ts';
import type { BaseImage } from '../image/base-image.ts';
import { platformText } from '../image/config.ts';
import { MEDIA_TYPE } from '../image/manifest.ts';
import { MAX_CONFIG_BYTES, parseConfig } from '../image/parse-config.ts';
import type { SnapshotId } from '../snapshot/snapshotter.ts';
import type { Store } from './open-store.ts';

/**
 * An image of the local store as a base: `FROM app` after `build -t app`. Undefined when there is none
 * of that name and platform, or when one of its layers is not unpacked here any more.
 *
 * It has no manifest, as nobody needed its compressed layers yet, so its config digest names it.
 */
export function localBaseImage(
  reference: string,
  platform: Platform,
  store: Store,
): BaseImage | undefined {
  const stored = store.images.lookup(reference, platform);
  if (stored === undefined) return undefined;
  const config = parseConfig(
    store.blobs.readBytes(stored.id, MAX_CONFIG_BYTES),
    stored.layers.length,
    reference,
  );
  if (findForPlatform([platformText(config)], platform) === undefined) return undefined;
  const isHere = stored.layers.every(
    ({ snapshot }) =>
      snapshot !== undefined && store.snapshots.get(snapshot as SnapshotId) !== undefined,
  );
  if (!isHere) return undefined;
  return {
    name: reference,
    manifestDigest: stored.manifestDigest ?? stored.id,
    config,
    configDigest: stored.id,
    local: {
      snapshot: stored.layers.at(-1)?.snapshot,
      clampMtimes: stored.layers.map(({ clampMtime }) => clampMtime),
    },
    layers: stored.layers.map(
      (layer) =>
        layer.blob ?? {
          mediaType: MEDIA_TYPE.ociLayer,
          // The uncompressed tar, should it have to be written.
          digest: layer.diffId as string as BaseImage['manifestDigest'],
          size: layer.size,
        },
    ),
  };
}
