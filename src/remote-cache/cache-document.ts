import { isCacheKey, type CacheKey } from '../cache/cache-key.ts';
import { parseDiffId, type DiffId } from '../core/digest.ts';
import { Fields } from '../image/fields.ts';
import type { Descriptor } from '../image/manifest.ts';
import { readDescriptor } from '../image/parse-manifest.ts';
import { parseStrictJson } from '../image/strict-json.ts';

/** Media type of the document, which stands where an image has its config. */
export const CACHE_DOCUMENT_TYPE = 'application/vnd.stagecraft.cache.v1+json';
/** Documents larger than this are refused unread: some 50,000 steps. */
export const MAX_CACHE_DOCUMENT_BYTES = 32 * 1024 * 1024;

const VERSION = 1;
const MAX_ENTRIES = 100_000;

/** Results of steps by key, and the layers that they are made of. */
export interface CacheDocument {
  /** A layer stands after the one below it. */
  readonly layers: readonly CacheLayer[];
  readonly results: readonly CachedResult[];
  readonly mounts: readonly SavedMount[];
}

/** A layer in its place: on top of another one. */
export interface CacheLayer {
  readonly diffId: DiffId;
  readonly blob: Descriptor;
  /** Index in `layers`; undefined for a lowest one. */
  readonly parent: number | undefined;
  /** Its blob is where the base image is, and not in the cache. */
  readonly isBase: boolean;
}

/** What a step gave. */
export interface CachedResult {
  readonly key: CacheKey;
  readonly contentKey: CacheKey | undefined;
  readonly resultKey: CacheKey;
  /** Index of the top layer in `layers`; undefined for an empty file system. */
  readonly layer: number | undefined;
  /** RFC 3339. */
  readonly createdAt: string;
  readonly durationMs: number;
  readonly bytes: number;
}

/** The files of a cache mount, as a layer. */
export interface SavedMount {
  readonly id: string;
  readonly diffId: DiffId;
  readonly blob: Descriptor;
}

/** The bytes of a document. Equal documents give equal bytes. */
export function serializeCacheDocument({ layers, results, mounts }: CacheDocument): Buffer {
  return Buffer.from(
    JSON.stringify({
      version: VERSION,
      layers: layers.map(({ diffId, blob, parent, isBase }) => ({
        diffId,
        blob: plainDescriptor(blob),
        parent,
        isBase: isBase ? true : undefined,
      })),
      results: results.map(resultJson),
      mounts: mounts.map(({ id, diffId, blob }) => ({ id, diffId, blob: plainDescriptor(blob) })),
    }),
  );
}

/** Results for the config of an image, whose layers are the ones that they name. */
export function serializeInlineResults(results: readonly CachedResult[]): string {
  return JSON.stringify({ version: VERSION, results: results.map(resultJson) });
}

/**
 * Reads a document that another party wrote. `what` names it in messages.
 * @throws BuildError INVALID_IMAGE
 */
export function parseCacheDocument(bytes: Uint8Array, what: string): CacheDocument {
  const fields = openDocument(bytes, what);
  const layers = limited(fields, 'layers').map(readLayer);
  return {
    layers,
    results: limited(fields, 'results').map((result) => readResult(result, layers.length)),
    mounts: limited(fields, 'mounts').map(readMount),
  };
}

/** Reads what `serializeInlineResults` wrote. @throws BuildError INVALID_IMAGE */
export function parseInlineResults(
  text: string,
  layerCount: number,
  what: string,
): readonly CachedResult[] {
  const fields = openDocument(Buffer.from(text), what);
  return limited(fields, 'results').map((result) => readResult(result, layerCount));
}

function openDocument(bytes: Uint8Array, what: string): Fields {
  const fields = new Fields(parseStrictJson(bytes, what), what);
  const version = fields.integer('version');
  if (version === VERSION) return fields;
  throw fields.fault('version', `it is ${String(version)}, and only ${String(VERSION)} is known`);
}

function limited(fields: Fields, key: string): readonly Fields[] {
  const items = fields.objects(key) ?? [];
  if (items.length <= MAX_ENTRIES) return items;
  throw fields.fault(key, `it has more than ${String(MAX_ENTRIES)} entries`);
}

function plainDescriptor({ mediaType, digest, size }: Descriptor): object {
  return { mediaType, digest, size };
}

function resultJson(result: CachedResult): object {
  const { key, contentKey, resultKey, layer, createdAt, durationMs, bytes } = result;
  return { key, contentKey, resultKey, layer, createdAt, durationMs, bytes };
}

function readLayer(fields: Fields, index: number): CacheLayer {
  const parent = readIndex(fields, 'parent', index);
  return { ...readPacked(fields), parent, isBase: fields.boolean('isBase') ?? false };
}

function readPacked(fields: Fields): { diffId: DiffId; blob: Descriptor } {
  const diffId = parseDiffId(fields.requiredString('diffId'));
  if (diffId === undefined) throw fields.fault('diffId', 'it is no digest');
  const blob = fields.object('blob');
  if (blob === undefined) throw fields.fault('blob', 'it is missing');
  const { mediaType, digest, size } = readDescriptor(blob);
  return { diffId, blob: { mediaType, digest, size } };
}

function readMount(fields: Fields): SavedMount {
  return { id: fields.requiredString('id'), ...readPacked(fields) };
}

function readResult(fields: Fields, layerCount: number): CachedResult {
  const createdAt = fields.requiredString('createdAt');
  const isTime = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/.test(createdAt);
  if (!isTime || Number.isNaN(Date.parse(createdAt))) {
    throw fields.fault('createdAt', 'it is no time');
  }
  const contentKey = fields.string('contentKey');
  return {
    key: readKey(fields, 'key'),
    contentKey: contentKey === undefined ? undefined : readKey(fields, 'contentKey'),
    resultKey: readKey(fields, 'resultKey'),
    layer: readIndex(fields, 'layer', layerCount),
    createdAt,
    durationMs: readCount(fields, 'durationMs'),
    bytes: readCount(fields, 'bytes'),
  };
}

function readKey(fields: Fields, name: string): CacheKey {
  const text = fields.requiredString(name);
  if (!isCacheKey(text)) throw fields.fault(name, 'it is not 64 hex digits');
  return text;
}

/** A whole number from 0 to below `end`, or nothing. */
function readIndex(fields: Fields, name: string, end: number): number | undefined {
  const index = fields.integer(name);
  if (index !== undefined && (index < 0 || index >= end)) {
    throw fields.fault(name, 'there is no such layer');
  }
  return index;
}

function readCount(fields: Fields, name: string): number {
  const count = fields.integer(name);
  if (count === undefined || count < 0) throw fields.fault(name, 'it must be a number from 0');
  return count;
}
