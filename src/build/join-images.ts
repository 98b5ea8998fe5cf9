import { formatReference, type ImageReference } from '../core/image-reference.ts';
import { digestOf } from '../core/sha256.ts';
import type { ImageConfig } from '../image/config.ts';
import { imageNotFound, invalidImage } from '../image/errors.ts';
import { MEDIA_TYPE, type Descriptor, type ImageManifest } from '../image/manifest.ts';
import { MAX_CONFIG_BYTES, parseConfig } from '../image/parse-config.ts';
import { parseManifest, type ParsedManifest } from '../image/parse-manifest.ts';
import { parseReference } from '../image/reference.ts';
import { serializeIndex } from '../image/serialize.ts';
import { createImagePusher, type PushDocument } from '../registry/push-image.ts';
import { openRegistries, type Registries } from '../registry/registries.ts';
import { askInTurn } from '../registry/registry-image-source.ts';
import type { PushBlob } from '../registry/upload.ts';
import type { ListedImage } from './manifest-lists.ts';
import type { RegistryAccess } from './registry-access.ts';

/** A manifest or index of a registry, checked against its digest. */
export interface FoundManifest {
  readonly bytes: Uint8Array;
  readonly descriptor: Descriptor;
  readonly parsed: ParsedManifest;
}

/** Joins images that are in registries. Dispose it to close its connections. */
export interface ImageJoiner extends Disposable {
  /** What a name stands for. @throws BuildError IMAGE_NOT_FOUND, INVALID_IMAGE, REGISTRY_* */
  fetch(name: string, signal: AbortSignal): Promise<FoundManifest>;
  /** The config of an image of a name's repository, as JSON. @throws as `fetch` */
  fetchConfig(name: string, manifest: ImageManifest, signal: AbortSignal): Promise<unknown>;
  /**
   * The images of a name, with their platforms: itself, or those that its index lists.
   * @throws as `fetch`
   */
  list(name: string, signal: AbortSignal): Promise<readonly ListedImage[]>;
  /**
   * Makes the name stand for an index of the images. What its repository lacks of them is mounted from
   * where they are, or copied from another registry. Resolves to the digest of the index.
   * @throws BuildError REGISTRY_*, IMAGE_NOT_FOUND when an image is gone
   */
  push(name: string, images: readonly ListedImage[], signal: AbortSignal): Promise<string>;
}

/** Connects with nothing before it is asked. */
export function openImageJoiner(access: RegistryAccess): ImageJoiner {
  const registries = openRegistries(access);

  async function fetchManifest(name: string, signal: AbortSignal): Promise<FoundManifest> {
    const reference = parseReference(name);
    const { registry, repository, tag, digest } = reference;
    const found = await askInTurn(registries.clientsFor(registry), signal, (client) =>
      client.fetchManifest(repository, digest ?? tag ?? 'latest', signal),
    );
    if (found === undefined) throw notThere(reference);
    const actual = digestOf(found.bytes);
    const what = `the manifest of "${name}"`;
    if (digest !== undefined && actual !== digest) {
      throw invalidImage(what, `its digest is ${actual}, not ${digest}`);
    }
    const parsed = parseManifest(found.bytes, found.mediaType, what);
    const size = found.bytes.length;
    return {
      bytes: found.bytes,
      descriptor: { mediaType: parsed.mediaType, digest: actual, size },
      parsed,
    };
  }

  /** Blobs of one image, to be read from where it is. */
  function blobsOf(source: string, manifest: ImageManifest, target: ImageReference): PushBlob[] {
    const { registry, repository } = parseReference(source);
    const mountFrom = registry === target.registry ? repository : undefined;
    const client = registries.clientOf(registry);
    return [manifest.config, ...manifest.layers].map((descriptor) => ({
      descriptor,
      open: (signal) => client.openBlob(repository, descriptor, 0, signal),
      mountFrom,
    }));
  }

  return {
    fetch: fetchManifest,
    async fetchConfig(name, manifest, signal) {
      const { bytes } = await configOf(registries, name, manifest, signal);
      return JSON.parse(Buffer.from(bytes).toString('utf8')) as unknown;
    },
    async list(name, signal) {
      const source = formatReference(parseReference(name));
      const { descriptor, parsed } = await fetchManifest(name, signal);
      if (parsed.kind === 'index') {
        return parsed.index.manifests.map((part) => ({ source, descriptor: part }));
      }
      const platform = await platformOf(registries, name, parsed.manifest, signal);
      return [{ source, descriptor: { ...descriptor, platform } }];
    },
    async push(name, images, signal) {
      const target = parseReference(name);
      const blobs: PushBlob[] = [];
      const manifests: PushDocument[] = [];
      for (const { source, descriptor } of images) {
        const exact = { ...parseReference(source), tag: undefined, digest: descriptor.digest };
        const { bytes, parsed } = await fetchManifest(formatReference(exact), signal);
        if (parsed.kind === 'index') {
          throw invalidImage(`"${source}"`, 'an index stands in its index, which cannot be joined');
        }
        blobs.push(...blobsOf(source, parsed.manifest, target));
        manifests.push({ bytes, mediaType: parsed.mediaType });
      }
      using pusher = createImagePusher(access);
      const index = indexOf(images.map(({ descriptor }) => descriptor));
      const { digest } = await pusher.push(name, { blobs, manifests, index }, signal);
      return digest;
    },
    [Symbol.dispose]: () => registries.close(),
  };
}

async function configOf(
  registries: Registries,
  name: string,
  manifest: ImageManifest,
  signal: AbortSignal,
): Promise<{ readonly bytes: Uint8Array; readonly config: ImageConfig }> {
  const { registry, repository } = parseReference(name);
  const { digest } = manifest.config;
  const what = `the config of "${name}"`;
  const bytes = await askInTurn(registries.clientsFor(registry), signal, (client) =>
    client.fetchBlob(repository, digest, MAX_CONFIG_BYTES, signal),
  );
  if (bytes === undefined || digestOf(bytes) !== digest) {
    throw invalidImage(what, `the registry does not give ${digest}`);
  }
  return { bytes, config: parseConfig(bytes, manifest.layers.length, what) };
}

/** What an image is for, from its config: manifests do not say. */
async function platformOf(
  ...from: Parameters<typeof configOf>
): Promise<NonNullable<Descriptor['platform']>> {
  const { config } = await configOf(...from);
  const { os, architecture, variant } = config;
  return { os, architecture, variant, 'os.version': config['os.version'] };
}

/** The index of such manifests: Docker's own kind only where all of them are. */
export function indexOf(manifests: readonly Descriptor[]): PushDocument {
  const isDocker = manifests.every(({ mediaType }) => mediaType === MEDIA_TYPE.dockerManifest);
  const mediaType = isDocker ? MEDIA_TYPE.dockerIndex : MEDIA_TYPE.ociIndex;
  return { bytes: serializeIndex({ schemaVersion: 2, mediaType, manifests }), mediaType };
}

function notThere(reference: ImageReference): Error {
  const { registry, repository, tag, digest } = reference;
  return imageNotFound(
    formatReference(reference),
    `registry "${registry}" has no ${digest ?? `tag "${tag ?? 'latest'}"`} in "${repository}"`,
    'Push it first: a list joins images that are in a registry.',
  );
}
