import type { Digest } from '../core/digest.ts';
import { digestOf } from '../core/sha256.ts';
import { invalidImage } from '../image/errors.ts';
import { Fields } from '../image/fields.ts';
import type { Descriptor } from '../image/manifest.ts';
import { MAX_CONFIG_BYTES, parseConfig } from '../image/parse-config.ts';
import { MAX_MANIFEST_BYTES, parseManifest, readDescriptor } from '../image/parse-manifest.ts';
import { INLINE_CACHE_FIELD } from '../image/serialize.ts';
import { parseStrictJson } from '../image/strict-json.ts';
import {
  CACHE_DOCUMENT_TYPE,
  MAX_CACHE_DOCUMENT_BYTES,
  parseCacheDocument,
  parseInlineResults,
  type CacheDocument,
} from './cache-document.ts';
import { cacheUnusable } from './errors.ts';

/** A place that a cache is read from. */
export interface CachePlace {
  /** For messages. */
  readonly name: string;
  /** `registry/repository` with its blobs; undefined for a directory. */
  readonly repository?: string | undefined;
  /** The manifest or index to begin with; undefined when there is none. */
  root(signal: AbortSignal): Promise<Uint8Array | undefined>;
  /** What the root's digest has to be, where the user said so. */
  readonly rootDigest: Digest | undefined;
  /** A small blob or a manifest, unchecked; undefined when it is not there. */
  fetch(
    descriptor: Descriptor,
    maxBytes: number,
    signal: AbortSignal,
  ): Promise<Uint8Array | undefined>;
  /** A layer from byte `offset` on, as it arrives, unchecked. */
  open(
    descriptor: Descriptor,
    offset: number,
    signal: AbortSignal,
  ): Promise<AsyncIterable<Uint8Array>>;
}

/** Images of an index that are looked into for inline caches. */
const MAX_IMAGES = 16;

/**
 * What a place has as cache: the document of an exported one, or what is inline in an image, for an
 * index that of each platform. Every byte is checked against the digest that led to it; what the root
 * says is believed.
 * @throws BuildError CACHE_UNUSABLE, INVALID_IMAGE, REGISTRY_*
 */
export async function readCache(
  place: CachePlace,
  signal: AbortSignal,
): Promise<readonly CacheDocument[]> {
  const root = await place.root(signal);
  if (root === undefined) throw cacheUnusable(place.name, 'there is none');
  const digest = digestOf(root);
  if (place.rootDigest !== undefined && digest !== place.rootDigest) {
    throw cacheUnusable(place.name, `its digest is ${digest}, not ${place.rootDigest}`);
  }
  const documents = await readRoot(place, root, signal);
  if (documents.length > 0) return documents;
  throw cacheUnusable(place.name, 'it is an image without a cache in it');
}

async function readRoot(
  place: CachePlace,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<readonly CacheDocument[]> {
  const what = `the cache "${place.name}"`;
  if (bytes.byteLength > MAX_MANIFEST_BYTES) throw invalidImage(what, 'it is too large');
  const fields = new Fields(parseStrictJson(bytes, what), what);
  const entries = fields.objects('manifests');
  if (entries !== undefined) return readIndex(place, entries.map(readDescriptor), signal);
  const config = fields.object('config');
  if (config === undefined) throw invalidImage(what, 'it is neither a manifest nor an index');
  const descriptor = readDescriptor(config);
  if (/buildkit\.cacheconfig/.test(descriptor.mediaType)) throw buildKits(place);
  if (descriptor.mediaType === CACHE_DOCUMENT_TYPE) {
    const document = await fetchChecked(place, descriptor, MAX_CACHE_DOCUMENT_BYTES, signal);
    return [parseCacheDocument(document, what)];
  }
  return readInline(place, bytes, signal);
}

function buildKits(place: CachePlace): Error {
  const hint = 'Export one with --cache-to under another name.';
  return cacheUnusable(place.name, 'BuildKit wrote it, whose keys are others', hint);
}

async function readIndex(
  place: CachePlace,
  entries: readonly Descriptor[],
  signal: AbortSignal,
): Promise<readonly CacheDocument[]> {
  if (entries.some(({ mediaType }) => /buildkit\.cacheconfig/.test(mediaType))) {
    throw buildKits(place);
  }
  const images = entries.filter(
    ({ platform, mediaType }) => platform?.os !== 'unknown' && /\bmanifest\b/.test(mediaType),
  );
  const found: CacheDocument[] = [];
  for (const image of images.slice(0, MAX_IMAGES)) {
    const bytes = await fetchChecked(place, image, MAX_MANIFEST_BYTES, signal);
    found.push(...(await readInline(place, bytes, signal)));
  }
  return found;
}

async function readInline(
  place: CachePlace,
  bytes: Uint8Array,
  signal: AbortSignal,
): Promise<readonly CacheDocument[]> {
  const what = `the image "${place.name}"`;
  const parsed = parseManifest(bytes, undefined, what);
  if (parsed.kind === 'index') throw invalidImage(what, 'an index stands in its index');
  const { config, layers } = parsed.manifest;
  const configBytes = await fetchChecked(place, config, MAX_CONFIG_BYTES, signal);
  const text = new Fields(parseStrictJson(configBytes, what), what).string(INLINE_CACHE_FIELD);
  if (text === undefined) return [];
  const { diff_ids: diffIds } = parseConfig(configBytes, layers.length, what).rootfs;
  return [
    {
      layers: diffIds.flatMap((diffId, index) => {
        const blob = layers[index];
        const parent = index === 0 ? undefined : index - 1;
        return blob === undefined ? [] : [{ diffId, blob, parent, isBase: false }];
      }),
      results: parseInlineResults(text, layers.length, what),
      mounts: [],
    },
  ];
}

async function fetchChecked(
  place: CachePlace,
  descriptor: Descriptor,
  maxBytes: number,
  signal: AbortSignal,
): Promise<Uint8Array> {
  const { digest, size } = descriptor;
  if (size > maxBytes) throw cacheUnusable(place.name, `${digest} is too large`);
  const bytes = await place.fetch(descriptor, maxBytes, signal);
  if (bytes === undefined) throw cacheUnusable(place.name, `it has no ${digest} any more`);
  if (bytes.byteLength !== size || digestOf(bytes) !== digest) {
    throw cacheUnusable(place.name, `${digest} is damaged`);
  }
  return bytes;
}
