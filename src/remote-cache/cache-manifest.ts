import { MEDIA_TYPE, type Descriptor } from '../image/manifest.ts';
import { serializeManifest } from '../image/serialize.ts';

/**
 * The manifest of a cache: an image manifest by form, so that registries keep it and its blobs together
 * (OCI image-spec, "Guidelines for Artifact Usage").
 */
export function cacheManifest(config: Descriptor, layers: readonly Descriptor[]): Buffer {
  return serializeManifest({
    schemaVersion: 2,
    mediaType: MEDIA_TYPE.ociManifest,
    config,
    layers: [...new Map(layers.map((layer) => [layer.digest, layer])).values()],
  });
}
