import type { BlobStore } from '../content/blob-store.ts';
import { digestOf } from '../core/sha256.ts';
import { formatPlatform } from '../core/platform.ts';
import type { WrittenImage } from '../events/event.ts';
import { formatReference, type ImageReference } from '../core/image-reference.ts';
import { parseReference } from '../image/reference.ts';
import { entriesTar } from '../layer/layer-tar.ts';
import { tarArchive, type ArchiveMember } from '../layer/tar-archive.ts';
import { checkAnnotations } from './annotations.ts';
import type { CompressedLayerDeps, FollowLayer } from './compressed-layer.ts';
import { writeArchive } from './destination.ts';
import { pushWithoutName, unsupportedOutput } from './errors.ts';
import { imageBlobs, type ExportableImage, type ImageBlobs } from './image-blobs.ts';
import { dockerFiles, indexFile, LAYOUT_FILE, ociLayout, type Layout } from './oci-layout.ts';
import type {
  Annotation,
  ArchiveOutput,
  EncodingOptions,
  FilesOutput,
  ImageOutput,
  Output,
} from './output.ts';
import { entriesOfRoots } from './joined-entries.ts';
import type { RootToExport } from './root-entries.ts';

/** What writing an image needs. */
export interface ExportDeps {
  readonly blobs: BlobStore;
  /** Root directory of the store. */
  readonly root: string;
  /** Where relative destinations start. */
  readonly cwd: string;
  readonly stdout: NodeJS.WritableStream;
  /** Latest time of files in `local` and `tar` outputs, in seconds since 1970 (SOURCE_DATE_EPOCH). */
  readonly epoch?: number | undefined;
  /** Sends an image to registries; without it outputs that ask for that are refused. */
  readonly push?: PushImage | undefined;
  /** Told in plain words what could not be kept, such as device files for an ordinary user. */
  readonly note?: ((text: string) => void) | undefined;
}

/** How an image is pushed. */
export interface PushOptions {
  /** Under its digest alone, without the tags. */
  readonly isByDigest?: boolean | undefined;
  /** Over plain HTTP where the registry has nothing else; certificates are not checked. */
  readonly isInsecure?: boolean | undefined;
  readonly annotations?: readonly Annotation[] | undefined;
}

/** Makes the blobs of images, so that all layers are in the blob store. Large ones can be followed. */
export type MakeBlobs = (follow: FollowLayer) => Promise<readonly ImageBlobs[]>;

/** Sends the blobs of images to each name, some of them while they are made. */
export type PushImage = (
  makeBlobs: MakeBlobs,
  references: readonly ImageReference[],
  options: PushOptions,
  signal: AbortSignal,
) => Promise<WrittenImage>;

/**
 * Writes images (one for each platform) where an output says. An export that fails leaves nothing.
 * @throws BuildError EXPORT_WRITE, LAYER_CHANGED, UNSUPPORTED, OUTPUT_INVALID, INVALID_REFERENCE
 */
export async function exportImage(
  output: Output,
  images: readonly ExportableImage[],
  deps: ExportDeps,
  signal: AbortSignal,
): Promise<WrittenImage> {
  signal.throwIfAborted();
  if ('annotations' in output) checkAnnotations(output.annotations, images.length);
  switch (output.type) {
    case 'oci':
    case 'docker':
      return exportLayout(output, images, deps, signal);
    case 'tar':
      return exportTar(output, images, deps, signal);
    case 'local': {
      const { exportFiles } = await import('./local-files.ts');
      const bytes = await exportFiles(output.dest, rootsOf(images, output), deps, signal);
      return { destination: `local ${output.dest}`, digest: idOf(images), bytes };
    }
    case 'image':
      return output.push
        ? pushImage(output, images, deps, signal)
        : { destination: 'image', digest: idOf(images), bytes: undefined };
    case 'cacheonly':
      return { destination: 'cacheonly', digest: idOf(images), bytes: undefined };
    default:
      return output satisfies never;
  }
}

async function exportLayout(
  output: ArchiveOutput,
  images: readonly ExportableImage[],
  deps: ExportDeps,
  signal: AbortSignal,
): Promise<WrittenImage> {
  if (output.type === 'docker' && images.length > 1) {
    throw unsupportedOutput(
      '"type=docker"',
      'docker exporter does not currently support exporting manifest lists',
      'Use type=oci, or build for one platform.',
    );
  }
  const references = referencesOf(images, output.names);
  const blobs = await blobsOf(images, output, deps, signal);
  const layout = ociLayout(blobs, references, deps.blobs, output);
  const [first] = blobs;
  const extra =
    output.type === 'docker' && first !== undefined ? dockerFiles(first, references) : [];
  const bytes = output.isTar
    ? await writeArchive(
        output.dest,
        tarArchive(archiveMembers(layout, extra), signal),
        deps,
        signal,
      )
    : await exportDirectory(output.dest, layout, extra, deps, signal);
  const [descriptor] = layout.manifests;
  return {
    destination: `${output.type} ${output.dest}`,
    digest: layout.digest,
    bytes,
    descriptor,
    names: references.map(formatReference),
  };
}

async function exportDirectory(
  dest: string,
  layout: Layout,
  extra: readonly ArchiveMember[],
  deps: ExportDeps,
  signal: AbortSignal,
): Promise<number> {
  const { writeLayoutDirectory } = await import('./layout-directory.ts');
  return writeLayoutDirectory(dest, layout, extra, deps, signal);
}

function archiveMembers(layout: Layout, extra: readonly ArchiveMember[]): ArchiveMember[] {
  return [
    { type: 'directory', name: 'blobs' },
    { type: 'directory', name: 'blobs/sha256' },
    ...layout.blobs,
    indexFile(layout.manifests),
    ...extra,
    LAYOUT_FILE,
  ];
}

async function exportTar(
  output: FilesOutput,
  images: readonly ExportableImage[],
  deps: ExportDeps,
  signal: AbortSignal,
): Promise<WrittenImage> {
  const { dest } = output;
  const entries = entriesOfRoots(rootsOf(images, output), deps.epoch);
  const bytes = await writeArchive(dest, entriesTar(entries, signal), deps, signal);
  return { destination: `tar ${dest}`, digest: idOf(images), bytes };
}

async function pushImage(
  output: ImageOutput,
  images: readonly ExportableImage[],
  deps: ExportDeps,
  signal: AbortSignal,
): Promise<WrittenImage> {
  if (deps.push === undefined) {
    throw unsupportedOutput(
      'a registry',
      'pushing is not available here',
      'Export with type=oci and push the archive, for example with skopeo copy.',
    );
  }
  const references = referencesOf(images, output.names);
  if (references.length === 0) {
    throw pushWithoutName();
  }
  const { pushesByDigest: isByDigest, isInsecure, annotations } = output;
  const written = await deps.push(
    (follow) => blobsOf(images, output, { ...deps, follow }, signal),
    references,
    { isByDigest, isInsecure, annotations },
    signal,
  );
  const suffix = output.isNameCanonical ? `@${written.digest}` : '';
  return { ...written, names: references.map((name) => formatReference(name) + suffix) };
}

async function blobsOf(
  images: readonly ExportableImage[],
  encoding: EncodingOptions,
  deps: CompressedLayerDeps,
  signal: AbortSignal,
): Promise<ImageBlobs[]> {
  const blobs: ImageBlobs[] = [];
  for (const image of images) blobs.push(await imageBlobs(image, encoding, deps, signal));
  return blobs;
}

/** The build's tags and those of the output, each once. */
function referencesOf(
  images: readonly ExportableImage[],
  names: readonly string[],
): ImageReference[] {
  const written = [...names, ...images.flatMap(({ references }) => references)];
  const references = written.map((name) => parseReference(name));
  return [...new Map(references.map((value) => [formatReference(value), value])).values()];
}

/** Files of several platforms go to a directory each, such as `linux_amd64/`, unless they are to be joined. */
function rootsOf(
  images: readonly ExportableImage[],
  { isSplit = images.length > 1 }: FilesOutput,
): RootToExport[] {
  return images.map(({ tree, clampMtimes, platform }) => {
    const name = formatPlatform(platform);
    const prefix = isSplit ? `${name.replaceAll('/', '_')}/` : '';
    return { tree, clampMtimes, platform: name, prefix };
  });
}

function idOf([first]: readonly ExportableImage[]): string {
  if (first === undefined) throw new TypeError('There is no image to export');
  return digestOf(first.configBytes);
}
