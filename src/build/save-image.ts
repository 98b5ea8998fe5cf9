import {
  findForPlatform,
  formatPlatform,
  normalizePlatform,
  type Platform,
} from '../core/platform.ts';
import { writeArchive } from '../export/destination.ts';
import { imageBlobs, type ImageBlobs } from '../export/image-blobs.ts';
import { dockerFiles, indexFile, LAYOUT_FILE, ociLayout } from '../export/oci-layout.ts';
import { DEFAULT_ENCODING } from '../export/output.ts';
import type { StoredImage } from '../image/stored-image.ts';
import { formatReference, type ImageReference, isReference } from '../core/image-reference.ts';
import { parseReference } from '../image/reference.ts';
import { tarArchive, type ArchiveMember } from '../layer/tar-archive.ts';
import { checkPlatform } from './check-platform.ts';
import { exportableImage } from './exportable-layers.ts';
import type { Store } from './open-store.ts';

/** Where an archive goes, and in which form. */
export interface SaveOptions {
  /** `docker` is an OCI layout as well, with what `docker load` of all ages wants besides. */
  readonly format: 'docker' | 'oci';
  /** Only the image for it, of those with several. */
  readonly platform: Platform | undefined;
  /** The one of several that Docker's own form shows. */
  readonly host: Platform;
  /** A file, or `-` for standard output. */
  readonly dest: string;
  readonly cwd: string;
  readonly stdout: NodeJS.WritableStream;
}

interface SavedImage {
  /** For messages. */
  readonly name: string;
  /** One, or those of an index. */
  readonly images: readonly StoredImage[];
  /** Those it was asked for by. */
  readonly references: ImageReference[];
}

/**
 * Writes images of the store into one archive, under the names that were given; an image that was given
 * by its id or a digest has none there. Layers that several images share are written once. Resolves to the bytes
 * written. An archive that fails leaves no file.
 * @throws BuildError IMAGE_NOT_FOUND, PLATFORM_NOT_FOUND, AMBIGUOUS_IMAGE_ID, EXPORT_WRITE, LAYER_CHANGED
 */
export async function saveImages(
  names: readonly string[],
  store: Store,
  options: SaveOptions,
  signal: AbortSignal,
): Promise<number> {
  const saved: SavedBlobs[] = [];
  for (const { name, images, references } of imagesOf(names, options.platform, store)) {
    const all: ImageBlobs[] = [];
    for (const image of images) {
      all.push(await blobsOf({ image, name }, store, signal));
    }
    saved.push({ all, main: all[mainOf(all, options.host)] ?? all[0], references });
  }
  const layouts = saved.map(({ all, references }) =>
    ociLayout(all, references, store.blobs, DEFAULT_ENCODING),
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

/** One entry of the archive. */
interface SavedBlobs {
  readonly all: readonly ImageBlobs[];
  /** What Docker's own form, which knows no platforms, has under the names. */
  readonly main: ImageBlobs | undefined;
  readonly references: readonly ImageReference[];
}

function mainOf(all: readonly ImageBlobs[], host: Platform): number {
  const platforms = all.map(({ manifest: { platform } }) =>
    platform === undefined ? '' : formatPlatform(normalizePlatform(platform)),
  );
  return findForPlatform(platforms, host) ?? 0;
}

/** Each image or index once, with all its names that were given. */
function imagesOf(
  names: readonly string[],
  platform: Platform | undefined,
  store: Store,
): Iterable<SavedImage> {
  const entries = new Map<string, SavedImage>();
  for (const name of names) {
    const entry =
      platform === undefined ? store.images.findEntry(name) : store.images.find(name, platform);
    if (platform !== undefined && 'image' in entry) checkPlatform(name, entry, platform, store);
    const id = 'image' in entry ? entry.image.id : entry.index.id;
    const images = 'image' in entry ? [entry.image] : entry.images;
    const saved = entries.get(id) ?? { name, images, references: [] };
    entries.set(id, saved);
    if (!isReference(name)) continue;
    const reference = parseReference(name);
    // A digest is no name that the archive could give: its manifest may be another one.
    if (reference.digest !== undefined) continue;
    const full = formatReference(reference);
    const isNew = saved.references.every((known) => formatReference(known) !== full);
    // What looks like a name may have been the beginning of an id.
    if (isNew && entry.references.includes(full)) saved.references.push(reference);
  }
  return entries.values();
}

async function blobsOf(
  { image, name }: { readonly image: StoredImage; readonly name: string },
  store: Store,
  signal: AbortSignal,
): Promise<ImageBlobs> {
  const deps = { blobs: store.blobs, root: store.root };
  return imageBlobs(exportableImage(image, name, [], store), DEFAULT_ENCODING, deps, signal);
}

function dockerMembers(saved: readonly SavedBlobs[]): ArchiveMember[] {
  const files = saved.map(({ main, references }) =>
    main === undefined ? [] : dockerFiles(main, references),
  );
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
