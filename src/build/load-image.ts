import { closeSync, openSync, readSync } from 'node:fs';
import { hexOf, type Digest } from '../core/digest.ts';
import { normalizePlatform, samePlatform, type Platform } from '../core/platform.ts';
import { timeText } from '../core/time-text.ts';
import { ensureBaseLayers } from '../exec/base-layers.ts';
import { CONTAINERD_NAME } from '../export/oci-layout.ts';
import type { BaseImage } from '../image/base-image.ts';
import { invalidImage } from '../image/errors.ts';
import { Fields } from '../image/fields.ts';
import { MEDIA_TYPE, type Descriptor } from '../image/manifest.ts';
import { MAX_CONFIG_BYTES, parseConfig } from '../image/parse-config.ts';
import { MAX_MANIFEST_BYTES, parseManifest } from '../image/parse-manifest.ts';
import { formatReference } from '../core/image-reference.ts';
import { parseReference } from '../image/reference.ts';
import { resolveImage } from '../image/resolve-image.ts';
import type { StoredLayer } from '../image/stored-image.ts';
import { parseStrictJson } from '../image/strict-json.ts';
import { checkNamedDigest, readArchiveBlobs, type ArchiveBlobs } from './archive-blobs.ts';
import type { Store } from './open-store.ts';

/** An image that an archive had. */
export interface LoadedImage {
  readonly id: Digest;
  /** Full names. */
  readonly references: readonly string[];
}

/** An image of an archive, everything but its layers checked. */
interface FoundImage {
  readonly base: BaseImage;
  /** Docker's form has none. */
  readonly manifestDigest: Digest | undefined;
  readonly references: readonly string[];
}

/** What loading needs of the world. */
export interface LoadOptions {
  /** For messages, `the archive "app.tar"`. */
  readonly what: string;
  /** Which one is meant where an image has several. */
  readonly platform: Platform;
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
  const found = files.has(DOCKER_INDEX)
    ? dockerImages(files, store, options)
    : await layoutImages(files, store, options);
  const ready: { image: FoundImage; layers: StoredLayer[] }[] = [];
  for (const image of found) {
    ready.push({ image, layers: await unpacked(image.base, store, options.what, signal) });
  }
  store.snapshots.flush();
  for (const { image, layers } of ready) {
    const { base, manifestDigest, references } = image;
    const storedAt = timeText(options.now());
    const stored = { id: base.configDigest, layers, manifestDigest, storedAt };
    await store.images.put(stored, references, signal);
  }
  return found.map(({ base, references }) => ({ id: base.configDigest, references }));
}

/** Docker image tarball, format 1.2 and later. */
function dockerImages(files: ArchiveBlobs, store: Store, { what }: LoadOptions): FoundImage[] {
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
    return {
      base: {
        name: what,
        manifestDigest: config.digest,
        config: parseConfig(configBytes, layerNames.length, `the config in ${what}`),
        configDigest: config.digest,
        layers: layerNames.map((name) => dockerLayer(name, files, store, what)),
      },
      manifestDigest: undefined,
      references: (fields.strings('RepoTags') ?? []).map(fullName),
    };
  });
}

/** Older archives name layers by ids that are no digests; the config's diff ids say what they hold. */
function dockerLayer(name: string, files: ArchiveBlobs, store: Store, what: string): Descriptor {
  const file = files.get(name);
  if (name.startsWith('blobs/')) checkNamedDigest(name, file, what);
  return { mediaType: layerType(file.digest, store), digest: file.digest, size: file.size };
}

async function layoutImages(
  files: ArchiveBlobs,
  store: Store,
  options: LoadOptions,
): Promise<FoundImage[]> {
  const { what } = options;
  if (!files.has(OCI_INDEX)) {
    const found = `it has neither "${DOCKER_INDEX}" nor "${OCI_INDEX}", so it is no image archive`;
    throw invalidImage(what, found);
  }
  const bytes = store.blobs.readBytes(files.get(OCI_INDEX).digest, MAX_MANIFEST_BYTES);
  const parsed = parseManifest(bytes, undefined, `"${OCI_INDEX}" of ${what}`);
  if (parsed.kind !== 'index') throw invalidImage(what, `"${OCI_INDEX}" is not an index`);
  const images: FoundImage[] = [];
  for (const entry of parsed.index.manifests) {
    if (entry.platform?.os === 'unknown') continue;
    images.push(await layoutImage(entry, files, store, options));
  }
  if (images.length === 0) throw invalidImage(what, 'it has no images');
  return images;
}

async function layoutImage(
  entry: Descriptor,
  files: ArchiveBlobs,
  store: Store,
  { what, platform }: LoadOptions,
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
  const wanted = platformOf(entry) ?? platform;
  const base = await resolveImage(what, root, wanted, fetch);
  for (const { digest, size } of base.layers) {
    const file = files.get(blobName(digest));
    if (file.digest === digest && file.size === size) continue;
    throw invalidImage(what, `blob ${digest} has digest ${file.digest} and ${file.size} bytes`);
  }
  const name = entry.annotations?.[CONTAINERD_NAME] ?? entry.annotations?.[REF_NAME];
  // A tag alone, as skopeo writes it, names no image.
  const isName = name !== undefined && /[/:@]/.test(name);
  // Where the archive has one of several platforms as an entry of its own, the host's has the name.
  const isMeant = samePlatform(wanted, platform) || entry.platform === undefined;
  const references = isName && isMeant ? [fullName(name)] : [];
  return { base, manifestDigest: base.manifestDigest, references };
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

function fullName(name: string): string {
  return formatReference(parseReference(name));
}

function blobName(digest: Digest): string {
  return `blobs/sha256/${hexOf(digest)}`;
}
