import type { Digest } from '../core/digest.ts';
import { digestOf } from '../core/sha256.ts';
import type { Platform } from '../core/platform.ts';
import type { ImageConfig } from '../image/config.ts';
import { MEDIA_TYPE, type Descriptor, type DescriptorPlatform } from '../image/manifest.ts';
import { serializeManifest } from '../image/serialize.ts';
import { decompress } from '../layer/decompress.ts';
import type { ClampMtimes } from './root-entries.ts';
import type { FileTree } from '../tree/file-tree.ts';
import { annotationsOn } from './annotations.ts';
import {
  compressedLayer,
  type CompressedLayer,
  type CompressedLayerDeps,
  type LayerSource,
  type PackedForm,
} from './compressed-layer.ts';
import type { EncodingOptions } from './output.ts';

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
  /** Its times are those of the layers only with this. */
  readonly clampMtimes?: ClampMtimes | undefined;
  /** Bottom to top. */
  readonly layers: readonly ExportableLayer[];
}

export interface ExportableLayer extends LayerSource {
  /** The bytes it came with, when the blob store has them, or the registry that it goes to; they are kept as they are. */
  readonly blob: Descriptor | undefined;
}

/** Blobs of one image: what goes into a layout, an archive or a registry. */
export interface ImageBlobs {
  readonly manifest: Descriptor;
  readonly manifestBytes: Buffer;
  readonly config: Descriptor;
  readonly configBytes: Uint8Array;
  /** Bottom to top. All are in the blob store, or in the registry that they go to. */
  readonly layers: readonly Descriptor[];
}

/**
 * Makes the manifest of an image, and the compressed layers that are not in the blob store yet.
 * @throws BuildError LAYER_CHANGED
 */
export async function imageBlobs(
  image: ExportableImage,
  encoding: EncodingOptions,
  deps: CompressedLayerDeps,
  signal: AbortSignal,
): Promise<ImageBlobs> {
  const { ociMediaTypes, annotations } = encoding;
  const layers: Descriptor[] = [];
  for (const layer of image.layers) {
    layers.push(
      layer.blob === undefined || isToBeRepacked(layer.blob, encoding)
        ? await packLayer(layer, encoding, deps, signal)
        : baseLayer(layer.blob, ociMediaTypes),
    );
  }
  const config: Descriptor = {
    mediaType: ociMediaTypes ? MEDIA_TYPE.ociConfig : MEDIA_TYPE.dockerConfig,
    digest: digestOf(image.configBytes),
    size: image.configBytes.length,
  };
  const mediaType = ociMediaTypes ? MEDIA_TYPE.ociManifest : MEDIA_TYPE.dockerManifest;
  const manifestBytes = serializeManifest({
    schemaVersion: 2,
    mediaType,
    config,
    layers,
    annotations: annotationsOn(annotations, 'manifest', image.platform),
  });
  const manifest: Descriptor = {
    ...blobDescriptor(mediaType, manifestBytes),
    platform: descriptorPlatform(image.platform),
    annotations: annotationsOn(annotations, 'manifest-descriptor', image.platform),
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

async function packLayer(
  layer: ExportableLayer,
  { compression, forcesCompression, ociMediaTypes }: EncodingOptions,
  deps: CompressedLayerDeps,
  signal: AbortSignal,
): Promise<Descriptor> {
  const { blob } = layer;
  // What a base layer was unpacked from is the only form that surely has its diff id.
  const source =
    blob === undefined
      ? layer
      : {
          ...layer,
          open: (openSignal: AbortSignal) =>
            decompress(deps.blobs.openRead(blob.digest, openSignal), openSignal),
        };
  const made = await compressedLayer(source, compression, deps, signal, forcesCompression);
  return layerDescriptor(made, ociMediaTypes);
}

/** True for a base layer that has another form than the one that is forced. */
function isToBeRepacked(
  { mediaType }: Descriptor,
  { compression, forcesCompression }: EncodingOptions,
): boolean {
  return forcesCompression && formOf(mediaType) !== compression.kind;
}

/** Names a stored layer in a manifest. */
export function layerDescriptor(
  { digest, size, form }: CompressedLayer,
  ociMediaTypes: boolean,
): Descriptor {
  const [oci, docker] = LAYER_TYPES[form];
  return { mediaType: ociMediaTypes ? oci : docker, digest, size };
}

/** How a layer of this media type is compressed; undefined for one that only its base's tools know. */
export function formOf(mediaType: string): PackedForm | undefined {
  return (['uncompressed', 'gzip', 'zstd'] as const).find((form) =>
    LAYER_TYPES[form].includes(mediaType),
  );
}

/** Not in Docker's own list; containerd names it so (core/images/mediatypes.go). */
const DOCKER_LAYER_ZSTD = 'application/vnd.docker.image.rootfs.diff.tar.zstd';

/** The names that each kind of layer has in OCI's words and in Docker's. */
const LAYER_TYPES: Readonly<Record<PackedForm, readonly [oci: string, docker: string]>> = {
  uncompressed: [MEDIA_TYPE.ociLayer, MEDIA_TYPE.dockerLayer],
  gzip: [MEDIA_TYPE.ociLayerGzip, MEDIA_TYPE.dockerLayerGzip],
  zstd: [MEDIA_TYPE.ociLayerZstd, DOCKER_LAYER_ZSTD],
};

/** The same bytes under the name that fits the manifest. Annotations belong to the base's manifest. */
function baseLayer({ mediaType, digest, size }: Descriptor, isOci: boolean): Descriptor {
  const form = formOf(mediaType);
  const [oci, docker] = form === undefined ? [mediaType, mediaType] : LAYER_TYPES[form];
  return { mediaType: isOci ? oci : docker, digest, size };
}

function descriptorPlatform(platform: Platform): DescriptorPlatform {
  const { os, architecture, variant, osVersion } = platform;
  return { architecture, os, 'os.version': osVersion, variant };
}
