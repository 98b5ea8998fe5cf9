import { createReadStream, mkdirSync, readdirSync, rmSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { hexOf, parseDigest, type Digest } from '../core/digest.ts';
import { digestOf } from '../core/sha256.ts';
import { BuildError } from '../diagnostics/build-error.ts';
import { writeArchive } from '../export/destination.ts';
import { indexFile, LAYOUT_FILE } from '../export/oci-layout.ts';
import { readFileCapped, writeFileAtomic } from '../host/atomic-file.ts';
import { acquireLock } from '../host/lock.ts';
import { MEDIA_TYPE, type Descriptor } from '../image/manifest.ts';
import { MAX_MANIFEST_BYTES, parseManifest } from '../image/parse-manifest.ts';
import type { PushBlob } from '../registry/upload.ts';
import { CACHE_DOCUMENT_TYPE } from './cache-document.ts';
import { cacheManifest } from './cache-manifest.ts';
import { cacheUnusable } from './errors.ts';
import type { CachePlace } from './read-cache.ts';
import { reachableDigests } from './reachable-digests.ts';

/** A tag in a directory, which is an OCI layout. */
export interface LocalCache {
  /** Absolute. */
  readonly directory: string;
  readonly tag: string;
}

const REF_NAME = 'org.opencontainers.image.ref.name';
const READ_CHUNK_BYTES = 512 * 1024;
/** As for any file a user makes: others may want to read a cache. */
const PUBLIC_FILE = 0o644;
/** Two builds may export to one directory at the same time. */
const LOCK = '.stagecraft.lock';

/** The cache under a tag in a directory, or under a digest. */
export function openLocalPlace(
  { directory, tag }: LocalCache,
  digest: Digest | undefined,
): CachePlace {
  return {
    name: directory,
    rootDigest: digest,
    root() {
      const entry =
        digest ?? readIndex(directory).find((each) => each.annotations?.[REF_NAME] === tag)?.digest;
      const bytes = entry && readFileCapped(blobPath(directory, entry), MAX_MANIFEST_BYTES);
      if (bytes !== undefined && entry !== undefined && digestOf(bytes) !== entry) {
        throw cacheUnusable(directory, `${entry} is damaged`);
      }
      return Promise.resolve(bytes);
    },
    fetch: (descriptor, maxBytes) =>
      Promise.resolve(readFileCapped(blobPath(directory, descriptor.digest), maxBytes)),
    open(descriptor, offset, signal) {
      const path = blobPath(directory, descriptor.digest);
      if (!isFile(path)) {
        const error = cacheUnusable(directory, `it has no ${descriptor.digest} any more`);
        return Promise.reject(error);
      }
      const stream = createReadStream(path, {
        signal,
        start: offset,
        highWaterMark: READ_CHUNK_BYTES,
      });
      return Promise.resolve(stream as AsyncIterable<Uint8Array>);
    },
  };
}

/**
 * Puts a cache under a tag into a directory, which is made when it is not there. Blobs that are there
 * are not written, but for those in `damaged`. What no tag leads to any more is removed. Resolves to the
 * bytes written.
 * @throws BuildError CACHE_UNUSABLE, EXPORT_WRITE
 */
export async function writeLocalCache(
  { directory, tag }: LocalCache,
  document: Uint8Array,
  layers: readonly PushBlob[],
  damaged: ReadonlySet<Digest>,
  signal: AbortSignal,
): Promise<number> {
  makeDirectory(directory);
  await using _lock = await acquireLock(join(directory, LOCK), { type: 'exclusive' }, signal);
  let written = 0;
  for (const layer of layers) {
    const { descriptor } = layer;
    const path = blobPath(directory, descriptor.digest);
    const isThere = statSync(path, { throwIfNoEntry: false })?.size === descriptor.size;
    if (isThere && !damaged.has(descriptor.digest)) continue;
    written += await writeArchive(
      path,
      layer.open(signal),
      { cwd: '/', stdout: process.stdout },
      signal,
    );
  }
  const config = writeBytes(directory, CACHE_DOCUMENT_TYPE, document);
  const manifestBytes = cacheManifest(
    config,
    layers.map(({ descriptor }) => descriptor),
  );
  const manifest = writeBytes(directory, MEDIA_TYPE.ociManifest, manifestBytes);
  const others = readIndex(directory).filter(({ annotations }) => annotations?.[REF_NAME] !== tag);
  const entries = [...others, { ...manifest, annotations: { [REF_NAME]: tag } }];
  for (const file of [indexFile(entries), LAYOUT_FILE]) {
    if (file.type === 'file') writeFileAtomic(join(directory, file.name), file.bytes, PUBLIC_FILE);
  }
  removeUnreachable(directory, entries);
  return written;
}

function makeDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true });
    const names = readdirSync(directory).filter((name) => name !== LOCK);
    if (names.length > 0 && !names.includes('index.json') && !names.includes('blobs')) {
      throw cacheUnusable(directory, 'the directory is not empty and holds no cache');
    }
    mkdirSync(join(directory, 'blobs', 'sha256'), { recursive: true });
  } catch (error) {
    if (error instanceof BuildError) throw error;
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    throw cacheUnusable(directory, `it cannot be written to (${code})`);
  }
}

function writeBytes(directory: string, mediaType: string, bytes: Uint8Array): Descriptor {
  const digest = digestOf(bytes);
  writeFileAtomic(blobPath(directory, digest), bytes, PUBLIC_FILE);
  return { mediaType, digest, size: bytes.byteLength };
}

function readIndex(directory: string): readonly Descriptor[] {
  const path = join(directory, 'index.json');
  const bytes = readFileCapped(path, MAX_MANIFEST_BYTES);
  if (bytes === undefined) return [];
  const parsed = parseManifest(bytes, MEDIA_TYPE.ociIndex, `"${path}"`);
  return parsed.kind === 'index' ? parsed.index.manifests : [];
}

/** Removes blobs of former exports. Nothing goes when it cannot be told what the others need. */
function removeUnreachable(directory: string, entries: readonly Descriptor[]): void {
  const read = (digest: Digest): Uint8Array | undefined =>
    readFileCapped(blobPath(directory, digest), MAX_MANIFEST_BYTES);
  const reachable = reachableDigests(entries, read);
  if (reachable === undefined) return;
  const blobs = join(directory, 'blobs', 'sha256');
  for (const name of readdirSync(blobs)) {
    const digest = parseDigest(`sha256:${name}`);
    if (digest !== undefined && !reachable.has(digest)) rmSync(join(blobs, name), { force: true });
  }
}

function blobPath(directory: string, digest: Digest): string {
  return join(directory, 'blobs', 'sha256', hexOf(digest));
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}
