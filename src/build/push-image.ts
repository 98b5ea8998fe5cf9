import { normalizePlatform } from '../core/platform.ts';
import type { WrittenImage } from '../events/event.ts';
import { MAX_CONFIG_BYTES, parseConfig } from '../image/parse-config.ts';
import { parseReference } from '../image/reference.ts';
import type { SnapshotId } from '../snapshot/snapshotter.ts';
import { exportableLayers } from './exportable-layers.ts';
import type { Store } from './open-store.ts';
import type { RegistryAccess } from './registry-access.ts';

/** Docker's choice: small enough, and quick to make. */
const GZIP_LEVEL = 6;

/**
 * Sends an image of the local store to the registry that its name says. Blobs that are there already are
 * not sent. Layers are compressed when they are first pushed, and never again.
 * @throws BuildError IMAGE_NOT_FOUND, INVALID_REFERENCE, REGISTRY_*
 */
export async function pushImage(
  name: string,
  store: Store,
  access: RegistryAccess,
  signal: AbortSignal,
): Promise<WrittenImage> {
  const { image } = store.images.find(name);
  const configBytes = store.blobs.readBytes(image.id, MAX_CONFIG_BYTES);
  const config = parseConfig(configBytes, image.layers.length, name);
  const { os, architecture, variant } = config;
  const top = image.layers.at(-1)?.snapshot;
  const exportable = {
    config,
    configBytes,
    platform: normalizePlatform({ os, architecture, variant }),
    references: [name],
    tree: store.snapshots.tree(top as SnapshotId | undefined),
    // What it was measured with is in its record: the times of new layers are clamped there already.
    layers: exportableLayers(image.layers, store, undefined),
  };
  const { imageBlobs } = await import('../export/image-blobs.ts');
  const encoding = {
    compression: { kind: 'gzip', level: GZIP_LEVEL },
    ociMediaTypes: true,
  } as const;
  const blobs = await imageBlobs(
    exportable,
    encoding,
    { blobs: store.blobs, root: store.root },
    signal,
  );
  const { pushImages } = await import('./push-images.ts');
  return pushImages([blobs], [parseReference(name)], { ...access, blobs: store.blobs }, signal);
}
