import type { BlobStore } from '../content/blob-store.ts';
import { hexOf, type Digest } from '../core/digest.ts';
import { MEDIA_TYPE, type Descriptor, type ImageIndex } from '../image/manifest.ts';
import { familiarName, formatReference, type ImageReference } from '../core/image-reference.ts';
import { serializeIndex } from '../image/serialize.ts';
import type { ArchiveMember } from '../layer/tar-archive.ts';
import { annotationsOn } from './annotations.ts';
import { blobDescriptor, type ImageBlobs } from './image-blobs.ts';
import type { Annotation, EncodingOptions } from './output.ts';

/** An OCI image layout (OCI image-layout.md) as files with relative names. */
export interface Layout {
  /** What the whole is known by: the one manifest, or the index of several. */
  readonly digest: Digest;
  /** Blobs, each once. */
  readonly blobs: readonly ArchiveMember[];
  /** What `index.json` lists. */
  readonly manifests: readonly Descriptor[];
}

/** Tells containerd, and Docker's image store in it, the full name. */
export const CONTAINERD_NAME = 'io.containerd.image.name';
/** The tag alone, as BuildKit and skopeo have it. */
const REF_NAME = 'org.opencontainers.image.ref.name';

/** `oci-layout`, the file that says what the directory is. */
export const LAYOUT_FILE: ArchiveMember = {
  type: 'file',
  name: 'oci-layout',
  bytes: Buffer.from('{"imageLayoutVersion":"1.0.0"}'),
};

/** Images as a layout. `index.json` lists the manifest once for each name. */
export function ociLayout(
  images: readonly ImageBlobs[],
  references: readonly ImageReference[],
  store: BlobStore,
  { ociMediaTypes, annotations }: Pick<EncodingOptions, 'ociMediaTypes' | 'annotations'>,
): Layout {
  const members = new Map<Digest, ArchiveMember>();
  for (const image of images) addBlobs(members, image, store);
  const isOne = images.length === 1;
  const index = isOne ? undefined : imageIndex(images, ociMediaTypes, annotations);
  if (index !== undefined) members.set(index.digest, bytesMember(index.digest, index.bytes));
  const top = topDescriptor(images, index, annotations);
  const blobs = [...members].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, member]) => member);
  const named = references.map((reference) => ({
    ...top,
    annotations: { ...top.annotations, ...namesOf(reference) },
  }));
  return { digest: top.digest, blobs, manifests: named.length === 0 ? [top] : named };
}

/** `index.json` with these entries. */
export function indexFile(manifests: readonly Descriptor[]): ArchiveMember {
  const index: ImageIndex = { schemaVersion: 2, mediaType: MEDIA_TYPE.ociIndex, manifests };
  return { type: 'file', name: 'index.json', bytes: serializeIndex(index) };
}

/**
 * `manifest.json` and `repositories`, which make a layout what `docker load` and `podman load` of all
 * ages take (Docker image tarball format 1.2 and 1.0).
 */
export function dockerFiles(
  image: ImageBlobs,
  references: readonly ImageReference[],
): ArchiveMember[] {
  const manifest = [
    {
      Config: blobName(image.config.digest),
      RepoTags: references.filter(({ tag }) => tag !== undefined).map(tagName),
      Layers: image.layers.map(({ digest }) => blobName(digest)),
    },
  ];
  const top = image.layers.at(-1);
  return [
    { type: 'file', name: 'manifest.json', bytes: encode(manifest) },
    ...(top === undefined || references.length === 0
      ? []
      : [repositoriesFile(references, hexOf(top.digest))]),
  ];
}

function repositoriesFile(references: readonly ImageReference[], top: string): ArchiveMember {
  const repositories = new Map<string, [string, string][]>();
  for (const reference of references) {
    const { tag } = reference;
    if (tag === undefined) continue;
    const repository = tagName(reference).slice(0, -`:${tag}`.length);
    repositories.set(repository, [...(repositories.get(repository) ?? []), [tag, top]]);
  }
  const entries = [...repositories].map(([name, tags]) => [name, Object.fromEntries(tags)]);
  return { type: 'file', name: 'repositories', bytes: encode(Object.fromEntries(entries)) };
}

/** Docker takes no digests in `RepoTags`. */
function tagName(reference: ImageReference): string {
  return familiarName({ ...reference, digest: undefined });
}

function addBlobs(members: Map<Digest, ArchiveMember>, image: ImageBlobs, store: BlobStore): void {
  for (const { digest, size } of image.layers) {
    members.set(digest, {
      type: 'stream',
      name: blobName(digest),
      size,
      open: (signal) => store.openRead(digest, signal),
    });
  }
  members.set(image.config.digest, bytesMember(image.config.digest, image.configBytes));
  members.set(image.manifest.digest, bytesMember(image.manifest.digest, image.manifestBytes));
}

/** The index that lists the platforms of several images. */
export interface IndexBytes extends Descriptor {
  readonly bytes: Buffer;
}

/** Makes the index of several images. */
export function imageIndex(
  images: readonly ImageBlobs[],
  ociMediaTypes: boolean,
  annotations: readonly Annotation[],
): IndexBytes {
  const mediaType = ociMediaTypes ? MEDIA_TYPE.ociIndex : MEDIA_TYPE.dockerIndex;
  const bytes = serializeIndex({
    schemaVersion: 2,
    mediaType,
    manifests: images.map(({ manifest }) => manifest),
    annotations: annotationsOn(annotations, 'index', undefined),
  });
  return { ...blobDescriptor(mediaType, bytes), bytes };
}

/** What `index.json` of a layout leads to: the manifest of a single image, or the index of several. */
function topDescriptor(
  [first]: readonly ImageBlobs[],
  index: IndexBytes | undefined,
  annotations: readonly Annotation[],
): Descriptor {
  if (first === undefined) throw new TypeError('There is no image to export');
  if (index === undefined) return first.manifest;
  const { mediaType, digest, size } = index;
  const notes = annotationsOn(annotations, 'index-descriptor', undefined);
  return { mediaType, digest, size, annotations: notes };
}

function namesOf(reference: ImageReference): Record<string, string> {
  const { tag } = reference;
  const name = { [CONTAINERD_NAME]: formatReference(reference) };
  return tag === undefined ? name : { ...name, [REF_NAME]: tag };
}

function bytesMember(digest: Digest, bytes: Uint8Array): ArchiveMember {
  return { type: 'file', name: blobName(digest), bytes };
}

function blobName(digest: Digest): string {
  return `blobs/sha256/${hexOf(digest)}`;
}

function encode(document: unknown): Buffer {
  return Buffer.from(JSON.stringify(document));
}
