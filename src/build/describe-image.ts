import type { ImageConfig } from '../image/config.ts';
import type { NamedImage, NamedIndex } from '../image/image-store.ts';
import { MAX_CONFIG_BYTES, parseConfig } from '../image/parse-config.ts';
import { familiarName } from '../core/image-reference.ts';
import { parseReference } from '../image/reference.ts';
import type { LayerBytes } from './layer-bytes.ts';
import type { Store } from './open-store.ts';

/** One step of an image's making. */
export interface HistoryRow {
  /** The image's id on the newest row; older steps are no images here. */
  readonly id: string | undefined;
  /** RFC 3339, or undefined when the image does not say. */
  readonly createdAt: string | undefined;
  readonly createdBy: string;
  readonly comment: string;
  /** Bytes of the files of its layer; 0 for a step without one. */
  readonly bytes: number;
}

/** The steps of an image, newest first. @throws BuildError INVALID_IMAGE */
export function imageHistory(
  { image }: NamedImage,
  config: ImageConfig,
  bytesOf: LayerBytes,
): HistoryRow[] {
  const sizes = image.layers.map(bytesOf);
  const steps = config.history.map((entry) => ({
    createdAt: entry.created,
    createdBy: entry.created_by ?? '',
    comment: entry.comment ?? '',
    bytes: entry.empty_layer === true ? 0 : (sizes.shift() ?? 0),
  }));
  // Some tools add layers and say nothing about them in the history.
  const untold = sizes.map((bytes) => ({
    createdAt: undefined,
    createdBy: '',
    comment: '',
    bytes,
  }));
  return [...steps, ...untold]
    .reverse()
    .map((step, index) => ({ id: index === 0 ? image.id : undefined, ...step }));
}

/** Config of an image of the store. @throws BuildError INVALID_IMAGE, BLOB_NOT_FOUND, BLOB_CORRUPT */
export function readImageConfig({ image, references }: NamedImage, store: Store): ImageConfig {
  const bytes = store.blobs.readBytes(image.id, MAX_CONFIG_BYTES);
  return parseConfig(bytes, image.layers.length, references[0] ?? image.id);
}

/** An image as Docker's `inspect` describes it (Docker Engine API, ImageInspect). */
export function describeImage(
  named: NamedImage,
  config: ImageConfig,
  bytesOf: LayerBytes,
): Record<string, unknown> {
  const { image, references } = named;
  const parsed = references.map((reference) => parseReference(reference));
  const repositories = new Set(
    parsed.map((each) => familiarName({ ...each, tag: undefined, digest: undefined })),
  );
  const { manifestDigest } = image;
  return {
    Id: image.id,
    RepoTags: parsed
      .filter(({ tag }) => tag !== undefined)
      .map((each) => familiarName({ ...each, digest: undefined })),
    RepoDigests:
      manifestDigest === undefined
        ? []
        : [...repositories].map((name) => `${name}@${manifestDigest}`),
    // Steps are no images here, and no engine made it.
    Parent: '',
    DockerVersion: '',
    Comment: config.history.at(-1)?.comment ?? '',
    Created: config.created ?? '',
    Author: config.author ?? '',
    Config: config.config,
    Architecture: config.architecture,
    ...(config.variant === undefined ? {} : { Variant: config.variant }),
    Os: config.os,
    ...(config['os.version'] === undefined ? {} : { OsVersion: config['os.version'] }),
    Size: image.layers.reduce((sum, layer) => sum + bytesOf(layer), 0),
    RootFS: { Type: 'layers', Layers: config.rootfs.diff_ids },
    Metadata: { LastTagTime: image.storedAt },
  };
}

/** What sets an index apart from its images: its id and what it lists (ImageInspect.Manifests). */
export function describeIndex(
  { index, images }: NamedIndex,
  bytesOf: LayerBytes,
): Record<string, unknown> {
  return {
    Id: index.id,
    ...(index.manifestDigest === undefined ? {} : { Digest: index.manifestDigest }),
    Manifests: index.images.map(({ platform, id }) => {
      const [os, architecture, variant] = platform.split('/');
      const layers = images.find((image) => image.id === id)?.layers ?? [];
      return {
        ID: id,
        Kind: 'image',
        Available: layers.every(({ snapshot }) => snapshot !== undefined),
        ImageData: {
          Platform: { architecture, os, ...(variant === undefined ? {} : { variant }) },
          Size: { Unpacked: layers.reduce((sum, layer) => sum + bytesOf(layer), 0) },
        },
      };
    }),
  };
}
