import { normalizePlatform } from '../core/platform.ts';
import { writeArchive } from '../export/destination.ts';
import { imageBlobs, type ImageBlobs } from '../export/image-blobs.ts';
import { dockerFiles, indexFile, LAYOUT_FILE, ociLayout } from '../export/oci-layout.ts';
import type { NamedImage } from '../image/image-store.ts';
import { MAX_CONFIG_BYTES, parseConfig } from '../image/parse-config.ts';
import { formatReference, type ImageReference, isReference } from '../core/image-reference.ts';
import { parseReference } from '../image/reference.ts';
import { tarArchive, type ArchiveMember } from '../layer/tar-archive.ts';
import type { SnapshotId } from '../snapshot/snapshotter.ts';
import { exportableLayers } from './exportable-layers.ts';
import type { Store } from './open-store.ts';

/** Docker's choice: small enough, and quick to make. */
const GZIP_LEVEL = 6;

/** Where an archive goes, and in which form. */
export interface SaveOptions {
  /** `docker` is an OCI layout as well, with what `docker load` of all ages wants besides. */
  readonly format: 'docker' | 'oci';
  /** A file, or `-` for standard output. */
  readonly dest: string;
  readonly cwd: string;
  readonly stdout: NodeJS.WritableStream;
}

interface SavedImage {
  readonly image: NamedImage['image'];
  /** Those it was asked for by. */
  readonly references: ImageReference[];
}

/**
 * Writes images of the store into one archive, under the names that were given; an image that was given
 * by its id has none there. Layers that several images share are written once. Resolves to the bytes
 * written. An archive that fails leaves no file.
 * @throws BuildError IMAGE_NOT_FOUND, AMBIGUOUS_IMAGE_ID, EXPORT_WRITE, LAYER_CHANGED
 */
export async function saveImages(
  names: readonly string[],
  store: Store,
  options: SaveOptions,
  signal: AbortSignal,
): Promise<number> {
  const saved: { readonly blobs: ImageBlobs; readonly references: readonly ImageReference[] }[] =
    [];
  for (const { image, references } of imagesOf(names, store)) {
    saved.push({ blobs: await blobsOf(image, store, options.format, signal), references });
  }
  const layouts = saved.map(({ blobs, references }) =>
    ociLayout([blobs], references, store.blobs, options.format === 'oci'),
  );
  const blobs = new Map(layouts.flatMap((layout) => layout.blobs.map((blob) => [blob.name, blob])));
  const members: ArchiveMember[] = [
    { type: 'directory', name: 'blobs' },
    { type: 'directory', name: 'blobs/sha256' },
    ...blobs.values(),
    indexFile(layouts.flatMap(({ manifests }) => manifests)),
    ...(options.format === 'docker' ? dockerMembers(saved) : []),
    LAYOUT_FILE,
  ];
  return writeArchive(options.dest, tarArchive(members, signal), options, signal);
}

/** Each image once, with all its names that were given. */
function imagesOf(names: readonly string[], store: Store): Iterable<SavedImage> {
  const images = new Map<string, SavedImage>();
  for (const name of names) {
    const { image, references } = store.images.find(name);
    const saved = images.get(image.id) ?? { image, references: [] };
    images.set(image.id, saved);
    if (!isReference(name)) continue;
    const reference = parseReference(name);
    const full = formatReference(reference);
    const isNew = saved.references.every((known) => formatReference(known) !== full);
    // What looks like a name may have been the beginning of an id.
    if (isNew && references.includes(full)) saved.references.push(reference);
  }
  return images.values();
}

async function blobsOf(
  image: NamedImage['image'],
  store: Store,
  format: SaveOptions['format'],
  signal: AbortSignal,
): Promise<ImageBlobs> {
  const configBytes = store.blobs.readBytes(image.id, MAX_CONFIG_BYTES);
  const config = parseConfig(configBytes, image.layers.length, image.id);
  const { os, architecture, variant } = config;
  const exportable = {
    config,
    configBytes,
    platform: normalizePlatform({ os, architecture, variant }),
    references: [],
    tree: store.snapshots.tree(image.layers.at(-1)?.snapshot as SnapshotId | undefined),
    // What it was measured with is in its record: the times of new layers are clamped there already.
    layers: exportableLayers(image.layers, store, undefined),
  };
  const compression = { kind: 'gzip', level: GZIP_LEVEL } as const;
  const encoding = { compression, ociMediaTypes: format === 'oci' };
  return imageBlobs(exportable, encoding, { blobs: store.blobs, root: store.root }, signal);
}

function dockerMembers(
  saved: readonly { readonly blobs: ImageBlobs; readonly references: readonly ImageReference[] }[],
): ArchiveMember[] {
  const files = saved.map(({ blobs, references }) => dockerFiles(blobs, references));
  const [first = []] = files;
  if (files.length === 1) return first;
  // `repositories` is of the time before archives had several images.
  const manifests = files.flatMap((members) => members.flatMap(entriesOf));
  return [{ type: 'file', name: 'manifest.json', bytes: Buffer.from(JSON.stringify(manifests)) }];
}

function entriesOf(member: ArchiveMember): readonly unknown[] {
  if (member.type !== 'file' || member.name !== 'manifest.json') return [];
  return JSON.parse(Buffer.from(member.bytes).toString('utf8')) as readonly unknown[];
}
