import { closeSync, openSync, readSync } from 'node:fs';
import { hexOf, type Digest } from '../core/digest.ts';
import {
  findForPlatform,
  formatPlatform,
  normalizePlatform,
  samePlatform,
  type Platform,
} from '../core/platform.ts';
import { timeText } from '../core/time-text.ts';
import { ensureBaseLayers } from '../exec/base-layers.ts';
import { CONTAINERD_NAME } from '../export/oci-layout.ts';
import type { BaseImage } from '../image/base-image.ts';
import { platformText } from '../image/config.ts';
import { invalidImage, platformNotFound } from '../image/errors.ts';
import { Fields } from '../image/fields.ts';
import { MEDIA_TYPE, type Descriptor } from '../image/manifest.ts';
import { MAX_CONFIG_BYTES, parseConfig } from '../image/parse-config.ts';
import { MAX_MANIFEST_BYTES, parseManifest } from '../image/parse-manifest.ts';
import { formatReference } from '../core/image-reference.ts';
import { parseNewName, parseReference } from '../image/reference.ts';
import { resolveImage } from '../image/resolve-image.ts';
import type { StoredLayer } from '../image/stored-image.ts';
import { indexedImage, indexIdOf } from '../image/stored-index.ts';
import { parseStrictJson } from '../image/strict-json.ts';
import { checkNamedDigest, readArchiveBlobs, type ArchiveBlobs } from './archive-blobs.ts';
import type { Store } from './open-store.ts';

/** An image or index that an archive had. */
export interface LoadedImage {
  readonly id: Digest;
  /** Full names. */
  readonly references: readonly string[];
}

/** An image of an archive, everything but its layers checked. */
interface FoundImage {
  readonly base: BaseImage;
  readonly platform: Platform;
  /** Docker's form has none. */
  readonly manifestDigest: Digest | undefined;
}

/** What a name of an archive stands for: one image, or those of an index. */
interface FoundEntry {
  readonly images: readonly FoundImage[];
  /** Of the index. */
  readonly manifestDigest: Digest | undefined;
  readonly references: readonly string[];
}

/** What loading needs of the world. */
export interface LoadOptions {
  /** For messages, `the archive "app.tar"`. */
  readonly what: string;
  /** Platform of this host. */
  readonly host: Platform;
  /** The only one to take of images with several; undefined takes all that the archive has. */
  readonly platform: Platform | undefined;
  /** Milliseconds since 1970. */
  now(): number;
}

const REF_NAME = 'org.opencontainers.image.ref.name';
const DOCKER_INDEX = 'manifest.json';
const OCI_INDEX = 'index.json';

/**
 * Brings the images of an archive into the store: Docker's form (`manifest.json`) or an OCI layout.
 * All digests and diff ids are checked; an archive that fails gives no image.
 * @throws BuildError INVALID_IMAGE, INVALID_REFERENCE, PLATFORM_NOT_FOUND, TAR_INVALID, DIFF_ID_MISMATCH,
 * LAYER_*, COMPRESSION_INVALID
 */
export async function loadImages(
  source: AsyncIterable<Uint8Array>,
  store: Store,
  options: LoadOptions,
  signal: AbortSignal,
): Promise<LoadedImage[]> {
  const files = await readArchiveBlobs(source, options.what, store.blobs, signal);
  const layout = files.has(OCI_INDEX) ? layoutManifests(files, store, options) : [];
  // Docker's own form knows no platforms, and stands beside layouts that may have several.
  const isDocker = files.has(DOCKER_INDEX) && !layout.some(isIndex);
  const entries = isDocker
    ? dockerImages(files, store, options)
    : await layoutEntries(layout, files, store, options);
  const meant = entriesFor(entries, options);
  const ready = new Map<FoundImage, StoredLayer[]>();
  for (const image of meant.flatMap(({ images }) => images)) {
    ready.set(image, await unpacked(image.base, store, options.what, signal));
  }
  await store.snapshots.flush();
  const storedAt = timeText(options.now());
  const loaded: LoadedImage[] = [];
  for (const { images, manifestDigest: index, references } of meant) {
    for (const image of images) {
      const { configDigest: id } = image.base;
      const { manifestDigest } = image;
      const stored = { id, layers: ready.get(image) ?? [], manifestDigest, storedAt };
      await store.images.put(stored, images.length === 1 ? references : [], signal);
      if (images.length === 1) loaded.push({ id, references });
    }
    if (images.length < 2) continue;
    const parts = images.map(({ base, platform }) =>
      indexedImage({ id: base.configDigest, platform }),
    );
    const id = indexIdOf(parts);
    await store.images.putIndex(
      { id, images: parts, manifestDigest: index, storedAt },
      references,
      signal,
    );
    loaded.push({ id, references });
  }
  return loaded;
}

/** Those with an image for the platform that was asked for. @throws BuildError PLATFORM_NOT_FOUND */
function entriesFor(
  entries: readonly FoundEntry[],
  { platform, what }: LoadOptions,
): readonly FoundEntry[] {
  if (platform === undefined) return entries;
  const platforms = entries.map(({ images }) =>
    images.map(({ base }) => platformText(base.config)),
  );
  const meant = entries.filter(
    (_, index) => findForPlatform(platforms[index] ?? [], platform) !== undefined,
  );
  if (meant.length > 0) return meant;
  throw platformNotFound(what, formatPlatform(platform), [...new Set(platforms.flat())]);
}

/** Docker image tarball, format 1.2 and later. */
function dockerImages(files: ArchiveBlobs, store: Store, { what }: LoadOptions): FoundEntry[] {
  const bytes = store.blobs.readBytes(files.get(DOCKER_INDEX).digest, MAX_MANIFEST_BYTES);
  const label = `"${DOCKER_INDEX}" of ${what}`;
  const list = new Fields({ images: parseStrictJson(bytes, label) }, label).objects('images') ?? [];
  if (list.length === 0) throw invalidImage(what, 'it has no images');
  return list.map((fields) => {
    const configName = fields.requiredString('Config');
    const layerNames = fields.strings('Layers') ?? [];
    const config = files.get(configName);
    checkNamedDigest(configName, config, what);
    const configBytes = store.blobs.readBytes(config.digest, MAX_CONFIG_BYTES);
    const parsed = parseConfig(configBytes, layerNames.length, `the config in ${what}`);
    const { os, architecture, variant } = parsed;
    const base = {
      name: what,
      manifestDigest: config.digest,
      config: parsed,
      configDigest: config.digest,
      layers: layerNames.map((name) => dockerLayer(name, files, store, what)),
    };
    const platform = normalizePlatform({ os, architecture, variant });
    return {
      images: [{ base, platform, manifestDigest: undefined }],
      manifestDigest: undefined,
      references: (fields.strings('RepoTags') ?? []).map((name) =>
        formatReference(parseNewName(name)),
      ),
    };
  });
}

/** Older archives name layers by ids that are no digests; the config's diff ids say what they hold. */
function dockerLayer(name: string, files: ArchiveBlobs, store: Store, what: string): Descriptor {
  const file = files.get(name);
  if (name.startsWith('blobs/')) checkNamedDigest(name, file, what);
  return { mediaType: layerType(file.digest, store), digest: file.digest, size: file.size };
}

/** What `index.json` lists, without what is no image. */
function layoutManifests(
  files: ArchiveBlobs,
  store: Store,
  { what }: LoadOptions,
): readonly Descriptor[] {
  const bytes = store.blobs.readBytes(files.get(OCI_INDEX).digest, MAX_MANIFEST_BYTES);
  const parsed = parseManifest(bytes, undefined, `"${OCI_INDEX}" of ${what}`);
  if (parsed.kind !== 'index') throw invalidImage(what, `"${OCI_INDEX}" is not an index`);
  return parsed.index.manifests.filter(({ platform }) => platform?.os !== 'unknown');
}

async function layoutEntries(
  manifests: readonly Descriptor[],
  files: ArchiveBlobs,
  store: Store,
  options: LoadOptions,
): Promise<FoundEntry[]> {
  const { what } = options;
  if (!files.has(OCI_INDEX)) {
    const found = `it has neither "${DOCKER_INDEX}" nor "${OCI_INDEX}", so it is no image archive`;
    throw invalidImage(what, found);
  }
  if (manifests.length === 0) throw invalidImage(what, 'it has no images');
  const entries: FoundEntry[] = [];
  for (const entry of manifests) entries.push(await layoutEntry(entry, files, store, options));
  return entries;
}

async function layoutEntry(
  entry: Descriptor,
  files: ArchiveBlobs,
  store: Store,
  options: LoadOptions,
): Promise<FoundEntry> {
  const references = referencesOf(entry, options);
  const parts = options.platform === undefined ? partsOf(entry, files, store, options) : [];
  if (parts.length < 2) {
    const image = await layoutImage(parts[0] ?? entry, files, store, options);
    return { images: [image], manifestDigest: undefined, references };
  }
  const images: FoundImage[] = [];
  for (const part of parts) images.push(await layoutImage(part, files, store, options));
  return { images, manifestDigest: entry.digest, references };
}

function isIndex({ mediaType }: Descriptor): boolean {
  return mediaType === MEDIA_TYPE.ociIndex || mediaType === MEDIA_TYPE.dockerIndex;
}

/** The images of an index that are in the archive: some tools write only one of them. */
function partsOf(
  entry: Descriptor,
  files: ArchiveBlobs,
  store: Store,
  { what }: LoadOptions,
): readonly Descriptor[] {
  if (!isIndex(entry)) return [];
  const { digest, size } = files.get(blobName(entry.digest));
  if (digest !== entry.digest || size !== entry.size) {
    throw invalidImage(what, `blob ${entry.digest} has digest ${digest} and ${size} bytes`);
  }
  const bytes = store.blobs.readBytes(digest, MAX_MANIFEST_BYTES);
  const parsed = parseManifest(bytes, entry.mediaType, `an index of ${what}`);
  if (parsed.kind !== 'index') throw invalidImage(what, `blob ${entry.digest} is not an index`);
  return parsed.index.manifests.filter(
    (part) =>
      part.platform !== undefined &&
      part.platform.os !== 'unknown' &&
      files.has(blobName(part.digest)),
  );
}

async function layoutImage(
  entry: Descriptor,
  files: ArchiveBlobs,
  store: Store,
  { what, platform, host }: LoadOptions,
): Promise<FoundImage> {
  const fetch = ({ digest }: Descriptor, maxBytes: number): Promise<Uint8Array> => {
    const file = files.get(blobName(digest));
    return Promise.resolve(store.blobs.readBytes(file.digest, maxBytes));
  };
  const root = {
    bytes: await fetch(entry, MAX_MANIFEST_BYTES),
    digest: entry.digest,
    mediaType: entry.mediaType,
  };
  const wanted = platformOf(entry) ?? platform ?? host;
  const base = await resolveImage(what, root, wanted, fetch);
  for (const { digest, size } of base.layers) {
    const file = files.get(blobName(digest));
    if (file.digest === digest && file.size === size) continue;
    throw invalidImage(what, `blob ${digest} has digest ${file.digest} and ${file.size} bytes`);
  }
  return { base, platform: wanted, manifestDigest: base.manifestDigest };
}

function referencesOf(entry: Descriptor, { what, platform, host }: LoadOptions): readonly string[] {
  const name = entry.annotations?.[CONTAINERD_NAME] ?? entry.annotations?.[REF_NAME];
  // A tag alone, as skopeo writes it, names no image.
  const isName = name !== undefined && /[/:@]/.test(name);
  // Where the archive has one of several platforms as an entry of its own, the host's has the name.
  const own = platformOf(entry);
  const isMeant = own === undefined || samePlatform(own, platform ?? host);
  if (!isName || !isMeant) return [];
  const reference = parseReference(name);
  // Whoever builds upon that digest later shall not get this image.
  if (reference.digest !== undefined && reference.digest !== entry.digest) {
    throw invalidImage(what, `it has ${entry.digest} under the name "${name}"`);
  }
  return [formatReference(reference)];
}

function platformOf({ platform }: Descriptor): Platform | undefined {
  if (platform === undefined) return undefined;
  const { os, architecture, variant } = platform;
  return normalizePlatform({ os, architecture, variant });
}

async function unpacked(
  base: BaseImage,
  store: Store,
  what: string,
  signal: AbortSignal,
): Promise<StoredLayer[]> {
  const top = await ensureBaseLayers(
    base,
    {
      blobs: store.blobs,
      snapshots: store.snapshots,
      layers: store.layers,
      openLayer: (_image, { digest }) =>
        Promise.reject(invalidImage(what, `its blob ${digest} was removed while it was read`)),
      lock: (lock, lockSignal) => store.lock(lock, lockSignal),
      onProgress: () => undefined,
    },
    signal,
  );
  const chain = top === undefined ? [] : store.snapshots.chain(top).toReversed();
  return chain.map(({ id }, index) => {
    const facts = store.layers.factsOf(id, undefined);
    if (facts === undefined) throw new TypeError(`Snapshot ${id} was not measured`);
    return { ...facts, snapshot: id, blob: base.layers[index] };
  });
}

const MAGIC_BYTES = 4;
const GZIP_MAGIC = '1f8b';
const ZSTD_MAGIC = '28b52ffd';

/** Docker's form does not say how layers are compressed; their first bytes do. */
function layerType(digest: Digest, store: Store): string {
  const fd = openSync(store.blobs.pathOf(digest), 'r');
  try {
    const start = Buffer.alloc(MAGIC_BYTES);
    readSync(fd, start, 0, MAGIC_BYTES, 0);
    const magic = start.toString('hex');
    if (magic.startsWith(GZIP_MAGIC)) return MEDIA_TYPE.dockerLayerGzip;
    return magic === ZSTD_MAGIC ? MEDIA_TYPE.ociLayerZstd : MEDIA_TYPE.dockerLayer;
  } finally {
    closeSync(fd);
  }
}

function blobName(digest: Digest): string {
  return `blobs/sha256/${hexOf(digest)}`;
}
