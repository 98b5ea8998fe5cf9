import type { Digest } from '../core/digest.ts';
import { digestOf } from '../core/sha256.ts';
import {
  findForPlatform,
  formatPlatform,
  normalizePlatform,
  type Platform,
} from '../core/platform.ts';
import type { BaseImage } from './base-image.ts';
import { invalidImage, platformNotFound } from './errors.ts';
import { MEDIA_TYPE, type Descriptor, type ImageIndex, type ImageManifest } from './manifest.ts';
import { MAX_CONFIG_BYTES, parseConfig } from './parse-config.ts';
import { MAX_MANIFEST_BYTES, parseManifest } from './parse-manifest.ts';

/** Indexes may hold indexes; a legitimate one does so once. */
const MAX_INDEX_DEPTH = 4;

/** Gives bytes by descriptor. They are checked here, so it may hand out whatever it has. */
export type FetchBytes = (descriptor: Descriptor, maxBytes: number) => Promise<Uint8Array>;

/** A manifest or index to begin with, digest not yet checked by anybody. */
export interface RootDocument {
  readonly bytes: Uint8Array;
  /** What the digest must be, when the name said so. */
  readonly digest: Digest | undefined;
  /** What led here promised, if anything. */
  readonly mediaType: string | undefined;
}

/**
 * Follows a manifest or index down to the image of one platform. Every document is checked against the
 * size and digest it was promised with.
 * @throws BuildError INVALID_IMAGE, UNSUPPORTED_IMAGE, PLATFORM_NOT_FOUND
 */
export async function resolveImage(
  name: string,
  root: RootDocument,
  platform: Platform,
  fetch: FetchBytes,
): Promise<BaseImage> {
  const digest = digestOf(root.bytes);
  if (root.digest !== undefined && root.digest !== digest) {
    throw invalidImage(`the manifest of "${name}"`, `its digest is ${digest}, not ${root.digest}`);
  }
  const found = await findManifest(
    { name, platform, fetch },
    { bytes: root.bytes, digest, mediaType: root.mediaType },
    1,
  );
  if ('available' in found) {
    throw platformNotFound(name, formatPlatform(platform), [...new Set(found.available)]);
  }
  const image = await readImage(name, found.manifest, found.digest, platform, fetch);
  return { ...image, rootDigest: digest };
}

interface Search {
  readonly name: string;
  readonly platform: Platform;
  readonly fetch: FetchBytes;
}

type Found =
  | { readonly manifest: ImageManifest; readonly digest: Digest }
  | { readonly available: readonly string[] };

async function findManifest(
  search: Search,
  { bytes, digest, mediaType }: RootDocument & { readonly digest: Digest },
  depth: number,
): Promise<Found> {
  const what = `the manifest of "${search.name}"`;
  const parsed = parseManifest(bytes, mediaType, what);
  if (parsed.kind === 'image') return { manifest: parsed.manifest, digest };
  if (depth > MAX_INDEX_DEPTH) {
    throw invalidImage(what, `indexes stand in indexes deeper than ${MAX_INDEX_DEPTH} levels`);
  }
  const available: string[] = [];
  for (const entry of candidates(parsed.index, search.platform)) {
    const child = await fetchChecked(search.fetch, entry, MAX_MANIFEST_BYTES, what);
    const document = { bytes: child, digest: entry.digest, mediaType: entry.mediaType };
    const found = await findManifest(search, document, depth + 1);
    if (!('available' in found)) return found;
    available.push(...found.available);
  }
  return { available: [...available, ...platformsOf(parsed.index)] };
}

/**
 * Entries that may lead to the platform, best first: those that name it, nested indexes, and an only
 * entry that names no platform at all.
 */
function candidates(index: ImageIndex, platform: Platform): readonly Descriptor[] {
  const images = index.manifests.filter((entry) => !isAttestation(entry));
  const named = images.filter((entry) => entry.platform !== undefined);
  // Of several for one platform (Windows versions, say) the first is meant, as in containerd.
  const best = findForPlatform(
    named.map((entry) => formatPlatform(platformOf(entry))),
    platform,
  );
  const exact = named.slice(best ?? named.length).slice(0, 1);
  const nested = images.filter(
    (entry) => entry.platform === undefined && isIndexType(entry.mediaType),
  );
  const [only] = images;
  const unnamed = images.length === 1 && only?.platform === undefined && only !== undefined;
  return [...exact, ...nested, ...(unnamed && nested.length === 0 ? [only] : [])];
}

function isIndexType(mediaType: string): boolean {
  return mediaType === MEDIA_TYPE.ociIndex || mediaType === MEDIA_TYPE.dockerIndex;
}

/** BuildKit puts provenance beside images, as entries for a platform that cannot be. */
function isAttestation({ platform, annotations }: Descriptor): boolean {
  return (
    (platform?.os === 'unknown' && platform.architecture === 'unknown') ||
    annotations?.['vnd.docker.reference.type'] === 'attestation-manifest'
  );
}

function platformsOf(index: ImageIndex): readonly string[] {
  return index.manifests
    .filter((entry) => entry.platform !== undefined && !isAttestation(entry))
    .map((entry) => formatPlatform(platformOf(entry)));
}

function platformOf({ platform }: Descriptor): Platform {
  const { os = '', architecture = '', variant } = platform ?? {};
  return normalizePlatform({ os, architecture, variant });
}

async function readImage(
  name: string,
  manifest: ImageManifest,
  manifestDigest: Digest,
  platform: Platform,
  fetch: FetchBytes,
): Promise<BaseImage> {
  const what = `the config of "${name}"`;
  const bytes = await fetchChecked(fetch, manifest.config, MAX_CONFIG_BYTES, what);
  const config = parseConfig(bytes, manifest.layers.length, what);
  const { os, architecture, variant } = config;
  const own = normalizePlatform({ os, architecture, variant });
  // Many images leave the variant out or have it wrong; the system and processor must be right.
  if (own.os !== platform.os || own.architecture !== normalizePlatform(platform).architecture) {
    throw platformNotFound(name, formatPlatform(platform), [formatPlatform(own)]);
  }
  const { digest: configDigest } = manifest.config;
  return { name, manifestDigest, config, configDigest, layers: manifest.layers };
}

async function fetchChecked(
  fetch: FetchBytes,
  descriptor: Descriptor,
  maxBytes: number,
  what: string,
): Promise<Uint8Array> {
  const { digest, size } = descriptor;
  if (size > maxBytes) throw invalidImage(what, `it is larger than ${maxBytes} bytes`);
  const bytes = await fetch(descriptor, maxBytes);
  if (bytes.byteLength !== size) {
    throw invalidImage(what, `it has ${bytes.byteLength} bytes and was promised with ${size}`);
  }
  const actual = digestOf(bytes);
  if (actual !== digest) throw invalidImage(what, `its digest is ${actual}, not ${digest}`);
  return bytes;
}
