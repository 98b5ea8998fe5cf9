import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';

/** An image as a layout or a registry has it. */
export interface LayoutImage {
  /** Of the manifest. */
  readonly digest: string;
  /** Digest of the config. */
  readonly id: string;
  readonly architecture: string;
  /** Where containers get directories of their own. */
  readonly volumes: readonly string[];
  /** Of the manifest. */
  readonly mediaType: string;
  /** Media types of the layers. */
  readonly layerTypes: readonly string[];
  /**
   * Digest of all that tools may stumble over: the config and the entries of each layer, but no times and no
   * contents. Images of one shape came of the same instructions.
   */
  readonly shape: string;
  /** Digests of all that it is made of, the manifest first. */
  readonly blobs: readonly string[];
}

/** Where a place keeps a blob. */
export type BlobPath = (digest: string) => string;

interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
}

interface Document {
  readonly mediaType?: string;
  readonly manifests?: readonly Descriptor[];
  readonly config?: Descriptor;
  readonly layers?: readonly Descriptor[];
}

/** Of images. Caches of builds have another one, and are none. */
const IMAGE_CONFIG =
  /^application\/vnd\.(?:oci\.image\.config|docker\.container\.image)\.v1\+json$/;
/** What is said of an image in an index beside it; its "layers" are statements and not files. */
const STATEMENT = 'application/vnd.in-toto+json';
/** What is another one each time that the same is built: times, digests, and directories of tests. */
const PASSING =
  /\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?Z?|sha256:[0-9a-f]{64}|stagecraft-[a-z]+-\w{6}/g;
const MAX_LIST_BYTES = 256 * 1024 * 1024;
const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';

/** The part of a digest that blobs are named by. */
export function hexOf(digest: string): string {
  return digest.replace(/^sha256:/, '');
}

/** Where an OCI layout has blobs. */
export function layoutBlobs(dir: string): BlobPath {
  return (digest) => join(dir, 'blobs', 'sha256', hexOf(digest));
}

/** The images of an OCI layout, also those of its indexes. */
export function imagesOfLayout(dir: string): LayoutImage[] {
  const { manifests = [] } = readDocument(join(dir, 'index.json'));
  return unique(manifests.flatMap(({ digest }) => imagesUnder(digest, layoutBlobs(dir))));
}

/** Where a registry server has blobs. */
export function registryBlobs(storage: string): BlobPath {
  const blobs = join(storage, 'docker/registry/v2/blobs/sha256');
  return (digest) => join(blobs, hexOf(digest).slice(0, 2), hexOf(digest), 'data');
}

/** The images in the directory of a registry server, also those without a tag. */
export function imagesOfRegistry(storage: string): LayoutImage[] {
  const repositories = join(storage, 'docker/registry/v2/repositories');
  if (!existsSync(repositories)) return [];
  const paths = readdirSync(repositories, { recursive: true, encoding: 'utf8' });
  const digests = paths.flatMap((path) => {
    const hex = /_manifests\/revisions\/sha256\/([0-9a-f]{64})\/link$/.exec(path)?.[1];
    return hex === undefined ? [] : [`sha256:${hex}`];
  });
  const blobPath = registryBlobs(storage);
  const present = digests.filter((digest) => existsSync(blobPath(digest)));
  return unique(present.flatMap((digest) => imagesUnder(digest, blobPath)));
}

/**
 * Makes copies of images that last, of links where that can be, below `dir`; gives the name of each, as
 * skopeo has it. Those with OCI types are in one layout. Docker's own types have no place in layouts: those
 * images are directories with a file for each blob.
 */
export function copyImages(
  dir: string,
  images: readonly LayoutImage[],
  from: BlobPath,
): (readonly [LayoutImage, string])[] {
  const isOci = ({ mediaType }: LayoutImage): boolean => mediaType === OCI_MANIFEST;
  writeLayout(dir, images.filter(isOci), from);
  return images.map((image) => {
    if (isOci(image)) return [image, `oci:${dir}:${hexOf(image.digest)}`];
    const directory = join(dir, hexOf(image.digest));
    mkdirSync(directory);
    for (const blob of new Set(image.blobs)) linkOrCopy(from(blob), join(directory, hexOf(blob)));
    renameSync(join(directory, hexOf(image.digest)), join(directory, 'manifest.json'));
    writeFileSync(join(directory, 'version'), 'Directory Transport Version: 1.1\n');
    return [image, `dir:${directory}`];
  });
}

/** Each has the digits of its digest as its tag. */
function writeLayout(dir: string, images: readonly LayoutImage[], from: BlobPath): void {
  const to = layoutBlobs(dir);
  mkdirSync(join(dir, 'blobs/sha256'), { recursive: true });
  for (const blob of new Set(images.flatMap(({ blobs }) => blobs))) {
    if (!existsSync(to(blob))) linkOrCopy(from(blob), to(blob));
  }
  writeFileSync(join(dir, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
  const manifests = images.map(({ digest, mediaType }) => ({
    mediaType,
    digest,
    size: readFileSync(to(digest)).length,
    annotations: { 'org.opencontainers.image.ref.name': hexOf(digest) },
  }));
  writeFileSync(join(dir, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests }));
}

function linkOrCopy(from: string, to: string): void {
  try {
    linkSync(from, to);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EXDEV') throw error;
    copyFileSync(from, to);
  }
}

function imagesUnder(digest: string, blobPath: BlobPath): LayoutImage[] {
  const { manifests, config, layers = [], mediaType } = readDocument(blobPath(digest));
  if (manifests !== undefined) {
    const parts = manifests.filter((part) => existsSync(blobPath(part.digest)));
    return parts.flatMap((part) => imagesUnder(part.digest, blobPath));
  }
  if (config === undefined || !IMAGE_CONFIG.test(config.mediaType)) return [];
  if (layers.some((layer) => layer.mediaType === STATEMENT)) return [];
  const configText = readFileSync(blobPath(config.digest), 'utf8');
  const { architecture = '', config: { Volumes = {} } = {} } = JSON.parse(configText) as {
    architecture?: string;
    config?: { Volumes?: object | null };
  };
  const entries = layers.map((layer) => layerShape(blobPath(layer.digest), layer));
  const shape = JSON.stringify([configText.replaceAll(PASSING, ''), ...entries]);
  return [
    {
      ...{ digest, id: config.digest, architecture, mediaType: mediaType ?? OCI_MANIFEST },
      volumes: Object.keys(Volumes ?? {}),
      shape: createHash('sha256').update(shape).digest('hex'),
      layerTypes: layers.map((layer) => layer.mediaType),
      blobs: [digest, config.digest, ...layers.map((layer) => layer.digest)],
    },
  ];
}

/** Media type and entries of a layer, without times. */
function layerShape(path: string, { digest, mediaType }: Descriptor): string {
  const known = layerShapes.get(digest);
  if (known !== undefined) return known;
  const flags = ['--numeric-owner', '--full-time', '--quoting-style=c'];
  const { stdout, stderr, status } = spawnSync('tar', ['-tvf', path, ...flags], {
    ...{ encoding: 'utf8', maxBuffer: MAX_LIST_BYTES },
  });
  if (status !== 0) throw new Error(`The layer ${digest} is no archive: ${stderr}`);
  const shape = mediaType + stdout.replaceAll(PASSING, '');
  layerShapes.set(digest, shape);
  return shape;
}

const layerShapes = new Map<string, string>();

function unique(images: readonly LayoutImage[]): LayoutImage[] {
  return [...new Map(images.map((image) => [image.digest, image])).values()];
}

function readDocument(path: string): Document {
  return JSON.parse(readFileSync(path, 'utf8')) as Document;
}
