import { parseDigest } from '../core/digest.ts';
import { invalidImage, unsupportedImage } from './errors.ts';
import { Fields } from './fields.ts';
import {
  MEDIA_TYPE,
  type Descriptor,
  type DescriptorPlatform,
  type ImageIndex,
  type ImageManifest,
} from './manifest.ts';
import { parseStrictJson } from './strict-json.ts';

/** Manifests and indexes larger than this are refused unread. */
export const MAX_MANIFEST_BYTES = 4 * 1024 * 1024;
const MAX_INDEX_ENTRIES = 1000;
const MAX_LAYERS = 1000;

const MANIFEST_TYPES: readonly string[] = [MEDIA_TYPE.ociManifest, MEDIA_TYPE.dockerManifest];
const INDEX_TYPES: readonly string[] = [MEDIA_TYPE.ociIndex, MEDIA_TYPE.dockerIndex];
const SCHEMA_1 = /^application\/vnd\.docker\.distribution\.manifest\.v1\+/;

const LAYER_TYPES: ReadonlySet<string> = new Set([
  MEDIA_TYPE.ociLayer,
  MEDIA_TYPE.ociLayerGzip,
  MEDIA_TYPE.ociLayerZstd,
  MEDIA_TYPE.dockerLayer,
  MEDIA_TYPE.dockerLayerGzip,
  'application/vnd.docker.image.rootfs.diff.tar.zstd',
  // Layers that some registries may not pass on. They are asked for at the registry all the same;
  // their "urls" are never followed.
  'application/vnd.oci.image.layer.nondistributable.v1.tar',
  'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
  'application/vnd.oci.image.layer.nondistributable.v1.tar+zstd',
  'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
]);

/** What the bytes at a manifest's place turned out to be. */
export type ParsedManifest =
  | { readonly kind: 'image'; readonly manifest: ImageManifest; readonly mediaType: string }
  | { readonly kind: 'index'; readonly index: ImageIndex; readonly mediaType: string };

/** Every media type that may be asked for at a manifest's place. */
export const MANIFEST_ACCEPT: readonly string[] = [...MANIFEST_TYPES, ...INDEX_TYPES];

/**
 * Reads an image manifest or an index, OCI or Docker schema 2, that another party wrote.
 * `promisedType` is the media type of the descriptor or HTTP header that led here; the document may
 * not contradict it. `what` names the document in messages, e.g. `the manifest of "alpine"`.
 * @throws BuildError INVALID_IMAGE, UNSUPPORTED_IMAGE
 */
export function parseManifest(
  bytes: Uint8Array,
  promisedType: string | undefined,
  what: string,
): ParsedManifest {
  if (bytes.byteLength > MAX_MANIFEST_BYTES) {
    throw invalidImage(what, `it is larger than ${MAX_MANIFEST_BYTES} bytes`);
  }
  const fields = new Fields(parseStrictJson(bytes, what), what);
  const mediaType = mediaTypeOf(fields, promisedType, what);
  const isIndex = INDEX_TYPES.includes(mediaType);
  // One document that two readers could take for two images (CVE-2021-41190).
  const strangers = isIndex ? ['layers', 'config', 'fsLayers'] : ['manifests', 'fsLayers'];
  for (const key of strangers) {
    if (fields.has(key)) throw invalidImage(what, `"${key}" does not belong into ${mediaType}`);
  }
  if (fields.integer('schemaVersion') !== 2) throw fields.fault('schemaVersion', 'it must be 2');
  return isIndex
    ? { kind: 'index', index: readIndex(fields), mediaType }
    : { kind: 'image', manifest: readManifest(fields, what), mediaType };
}

function mediaTypeOf(fields: Fields, promised: string | undefined, what: string): string {
  const own = fields.string('mediaType');
  const isKnownPromise = promised !== undefined && MANIFEST_ACCEPT.includes(promised);
  if (SCHEMA_1.test(own ?? promised ?? '') || fields.integer('schemaVersion') === 1) {
    throw unsupportedImage(
      what,
      'it is in the obsolete manifest schema 1',
      'Pull and push the image once with a current tool; that converts it.',
    );
  }
  if (own !== undefined && isKnownPromise && own !== promised) {
    throw invalidImage(what, `it was promised as ${promised} and calls itself ${printable(own)}`);
  }
  const type = own ?? (isKnownPromise ? promised : undefined) ?? guessType(fields);
  if (!MANIFEST_ACCEPT.includes(type)) {
    throw unsupportedImage(what, `"${printable(type)}" is not a container image`);
  }
  return type;
}

/** OCI leaves the media type optional; then the shape decides, and `parseManifest` checks it is clear. */
function guessType(fields: Fields): string {
  return fields.has('manifests') ? MEDIA_TYPE.ociIndex : MEDIA_TYPE.ociManifest;
}

function readIndex(fields: Fields): ImageIndex {
  const manifests = fields.objects('manifests');
  if (manifests === undefined) throw fields.fault('manifests', 'it is missing');
  if (manifests.length > MAX_INDEX_ENTRIES) {
    throw fields.fault('manifests', `it has more than ${MAX_INDEX_ENTRIES} entries`);
  }
  return {
    schemaVersion: 2,
    ...optional('mediaType', fields.string('mediaType')),
    manifests: manifests.map(readDescriptor),
    ...optional('annotations', fields.stringMap('annotations')),
  };
}

function readManifest(fields: Fields, what: string): ImageManifest {
  const config = fields.object('config');
  const layers = fields.objects('layers');
  if (config === undefined) throw fields.fault('config', 'it is missing');
  if (layers === undefined) throw fields.fault('layers', 'it is missing');
  if (layers.length > MAX_LAYERS) {
    throw fields.fault('layers', `it has more than ${MAX_LAYERS} entries`);
  }
  const manifest: ImageManifest = {
    schemaVersion: 2,
    ...optional('mediaType', fields.string('mediaType')),
    config: readDescriptor(config),
    layers: layers.map(readDescriptor),
    ...optional('annotations', fields.stringMap('annotations')),
  };
  const { mediaType } = manifest.config;
  if (mediaType !== MEDIA_TYPE.ociConfig && mediaType !== MEDIA_TYPE.dockerConfig) {
    throw unsupportedImage(
      what,
      `its config is "${printable(mediaType)}", so it is not a container image`,
    );
  }
  const strange = manifest.layers.find((layer) => !LAYER_TYPES.has(layer.mediaType));
  if (strange !== undefined) {
    throw unsupportedImage(what, `it has a layer of the type "${printable(strange.mediaType)}"`);
  }
  return manifest;
}

/**
 * Reads one descriptor. Its `urls` and `data` are left out on purpose: bytes come from the registry
 * that was asked, and nowhere else.
 */
export function readDescriptor(fields: Fields): Descriptor {
  const digest = parseDigest(fields.requiredString('digest'));
  if (digest === undefined) {
    throw fields.fault('digest', 'it must be "sha256:" and 64 lower-case hex digits');
  }
  const size = fields.integer('size');
  if (size === undefined || size < 0) throw fields.fault('size', 'it must be a number of bytes');
  const platform = fields.object('platform');
  return {
    mediaType: fields.requiredString('mediaType'),
    digest,
    size,
    ...optional('artifactType', fields.string('artifactType')),
    ...optional('annotations', fields.stringMap('annotations')),
    ...optional('platform', platform === undefined ? undefined : readPlatform(platform)),
  };
}

function readPlatform(fields: Fields): DescriptorPlatform {
  return {
    os: fields.string('os') ?? '',
    architecture: fields.string('architecture') ?? '',
    ...optional('variant', fields.string('variant')),
    ...optional('os.version', fields.string('os.version')),
  };
}

/** A field, or none when the value is undefined: `exactOptionalPropertyTypes` without undefined in JSON. */
function optional<K extends string, T>(key: K, value: T | undefined): { readonly [P in K]?: T } {
  return (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: T };
}

function printable(text: string): string {
  return text.replace(/[^\x20-\x7e]/g, '?').slice(0, 120);
}
