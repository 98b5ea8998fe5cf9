import type { BlobStore } from '../content/blob-store.ts';
import type { Digest } from '../core/digest.ts';
import { digestOf } from '../core/sha256.ts';
import type { Platform } from '../core/platform.ts';
import type { ImageConfig } from '../image/config.ts';
import { MEDIA_TYPE, type Descriptor, type DescriptorPlatform } from '../image/manifest.ts';
import { serializeManifest } from '../image/serialize.ts';
import type { FileTree } from '../tree/file-tree.ts';
import { compressedLayer, type LayerSource } from './compressed-layer.ts';
import type { Compression, EncodingOptions } from './output.ts';

/** An image that is to be written somewhere. */
export interface ExportableImage {
  readonly config: ImageConfig;
  /** Stored and named by their digest as they are: that digest is the image id. */
  readonly configBytes: Uint8Array;
  readonly platform: Platform;
  /** The build's tags, as written. */
  readonly references: readonly string[];
  /** The merged file system. */
  readonly tree: FileTree;
  /** Bottom to top. */
  readonly layers: readonly ExportableLayer[];
}

export interface ExportableLayer extends LayerSource {
  /** The bytes it came with, when the blob store has them; they are kept as they are. */
  readonly blob: Descriptor | undefined;
}

/** Blobs of one image: what goes into a layout, an archive or a registry. */
export interface ImageBlobs {
  readonly manifest: Descriptor;
  readonly manifestBytes: Buffer;
  readonly config: Descriptor;
  readonly configBytes: Uint8Array;
  /** Bottom to top. All are in the blob store. */
  readonly layers: readonly Descriptor[];
}

/**
 * Makes the manifest of an image, and the compressed layers that are not in the blob store yet.
 * @throws BuildError LAYER_CHANGED
 */
export async function imageBlobs(
  image: ExportableImage,
  { compression, ociMediaTypes }: EncodingOptions,
  deps: { readonly blobs: BlobStore; readonly root: string },
  signal: AbortSignal,
): Promise<ImageBlobs> {
  const layers: Descriptor[] = [];
  for (const layer of image.layers) {
    layers.push(
      layer.blob === undefined
        ? await newLayer(layer, compression, ociMediaTypes, deps, signal)
        : baseLayer(layer.blob, ociMediaTypes),
    );
  }
  const config: Descriptor = {
    mediaType: ociMediaTypes ? MEDIA_TYPE.ociConfig : MEDIA_TYPE.dockerConfig,
    digest: digestOf(image.configBytes),
    size: image.configBytes.length,
  };
  const mediaType = ociMediaTypes ? MEDIA_TYPE.ociManifest : MEDIA_TYPE.dockerManifest;
  const manifestBytes = serializeManifest({ schemaVersion: 2, mediaType, config, layers });
  const manifest: Descriptor = {
    ...blobDescriptor(mediaType, manifestBytes),
    platform: descriptorPlatform(image.platform),
  };
  return { manifest, manifestBytes, config, configBytes: image.configBytes, layers };
}

/** Says what bytes are, for a list that names them. */
export function blobDescriptor(
  mediaType: string,
  bytes: Uint8Array,
): { mediaType: string; digest: Digest; size: number } {
  return { mediaType, digest: digestOf(bytes), size: bytes.length };
}

async function newLayer(
  layer: ExportableLayer,
  compression: Compression,
  isOci: boolean,
  deps: { readonly blobs: BlobStore; readonly root: string },
  signal: AbortSignal,
): Promise<Descriptor> {
  const blob = await compressedLayer(layer, compression, deps, signal);
  const isGzip = compression.kind === 'gzip';
  const oci = isGzip ? MEDIA_TYPE.ociLayerGzip : MEDIA_TYPE.ociLayer;
  const docker = isGzip ? MEDIA_TYPE.dockerLayerGzip : MEDIA_TYPE.dockerLayer;
  return { mediaType: isOci ? oci : docker, digest: blob.digest, size: blob.size };
}

/** Not in Docker's own list; containerd names it so (core/images/mediatypes.go). */
const DOCKER_LAYER_ZSTD = 'application/vnd.docker.image.rootfs.diff.tar.zstd';

/** The names that each kind of layer has in OCI's words and in Docker's. */
const LAYER_TYPES: readonly (readonly [oci: string, docker: string])[] = [
  [MEDIA_TYPE.ociLayer, MEDIA_TYPE.dockerLayer],
  [MEDIA_TYPE.ociLayerGzip, MEDIA_TYPE.dockerLayerGzip],
  [MEDIA_TYPE.ociLayerZstd, DOCKER_LAYER_ZSTD],
];

/** The same bytes under the name that fits the manifest. Annotations belong to the base's manifest. */
function baseLayer({ mediaType, digest, size }: Descriptor, isOci: boolean): Descriptor {
  const pair = LAYER_TYPES.find((types) => types.includes(mediaType));
  const [oci, docker] = pair ?? [mediaType, mediaType];
  return { mediaType: isOci ? oci : docker, digest, size };
}

function descriptorPlatform(platform: Platform): DescriptorPlatform {
  const { os, architecture, variant, osVersion } = platform;
  return { architecture, os, 'os.version': osVersion, variant };
}
