import { digestOf } from '../core/sha256.ts';
import { formatReference } from '../core/image-reference.ts';
import { MEDIA_TYPE } from '../image/manifest.ts';
import { parseReference } from '../image/reference.ts';
import { createImagePusher } from '../registry/push-image.ts';
import { openRegistries, type RegistriesConfig } from '../registry/registries.ts';
import type { PushBlob } from '../registry/upload.ts';
import { CACHE_DOCUMENT_TYPE } from './cache-document.ts';
import { cacheUnusable } from './errors.ts';
import { cacheManifest } from './cache-manifest.ts';
import type { CachePlace } from './read-cache.ts';

/** How registries are reached. */
export interface RegistryPlaceDeps {
  readonly registries: RegistriesConfig;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** For ~/.docker/config.json. */
  readonly homeDir: string;
}

/** A reference in a registry, and whether that may be reached without checked certificates. */
export interface RegistryCache {
  /** As written. */
  readonly reference: string;
  readonly isInsecure: boolean;
}

/** The cache that is under a name in a registry. Dispose it to close its connections. */
export function openRegistryPlace(
  cache: RegistryCache,
  deps: RegistryPlaceDeps,
): CachePlace & Disposable {
  const { registry, repository, tag, digest } = parseReference(cache.reference);
  const registries = openRegistries(withInsecure(cache, deps));
  // Mirrors are not asked: a cache is where it was put.
  const client = registries.clientOf(registry);
  return {
    name: cache.reference,
    repository: `${registry}/${repository}`,
    rootDigest: digest,
    async root(signal) {
      const found = await client.fetchManifest(repository, digest ?? tag ?? 'latest', signal);
      return found?.bytes;
    },
    async fetch(descriptor, maxBytes, signal) {
      const isManifest = /\.manifest\.v/.test(descriptor.mediaType);
      return isManifest
        ? (await client.fetchManifest(repository, descriptor.digest, signal))?.bytes
        : client.fetchBlob(repository, descriptor.digest, maxBytes, signal);
    },
    open: (descriptor, offset, signal) =>
      Promise.resolve(client.openBlob(repository, descriptor, offset, signal)),
    [Symbol.dispose]: () => registries.close(),
  };
}

/**
 * Puts a cache under a name in a registry. Blobs that are there already are not sent. Resolves to the
 * bytes that were sent.
 * @throws BuildError CACHE_UNUSABLE, REGISTRY_*
 */
export async function writeRegistryCache(
  cache: RegistryCache,
  document: Uint8Array,
  layers: readonly PushBlob[],
  deps: RegistryPlaceDeps,
  signal: AbortSignal,
): Promise<number> {
  const reference = parseReference(cache.reference);
  if (reference.digest !== undefined) {
    throw cacheUnusable(cache.reference, 'a digest cannot be written to', 'Use a tag.');
  }
  using pusher = createImagePusher(withInsecure(cache, deps));
  const config = {
    mediaType: CACHE_DOCUMENT_TYPE,
    digest: digestOf(document),
    size: document.byteLength,
  };
  const manifest = cacheManifest(
    config,
    layers.map(({ descriptor }) => descriptor),
  );
  const blobs = [...layers, { descriptor: config, open: () => once(document) }];
  const content = { blobs, manifests: [{ bytes: manifest, mediaType: MEDIA_TYPE.ociManifest }] };
  const { sentBytes } = await pusher.push(formatReference(reference), content, signal);
  return sentBytes;
}

function withInsecure(cache: RegistryCache, deps: RegistryPlaceDeps): RegistryPlaceDeps {
  if (!cache.isInsecure) return deps;
  const { registry } = parseReference(cache.reference);
  const { registries } = deps;
  const insecure = { ...registries[registry], insecure: true };
  return { ...deps, registries: { ...registries, [registry]: insecure } };
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void> {
  yield await Promise.resolve(bytes);
}
