import type { BlobStore } from '../content/blob-store.ts';
import type { WrittenImage } from '../events/event.ts';
import type { MakeBlobs, PushOptions } from '../export/export-image.ts';
import type { ImageBlobs } from '../export/image-blobs.ts';
import { imageIndex, type IndexBytes } from '../export/oci-layout.ts';
import type { Annotation } from '../export/output.ts';
import { MEDIA_TYPE, type Descriptor } from '../image/manifest.ts';
import { familiarName, formatReference, type ImageReference } from '../core/image-reference.ts';
import { createImagePusher, type ImagePusher, type PushContent } from '../registry/push-image.ts';
import type { RegistriesConfig } from '../registry/registries.ts';
import type { PushBlob } from '../registry/upload.ts';

/** What pushing works with. */
export interface PushDeps {
  readonly registries: RegistriesConfig;
  /** DOCKER_CONFIG and the like, for credentials. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** For ~/.docker/config.json. */
  readonly homeDir: string;
  /** `--ca-cert`: paths, or `host`. */
  readonly caCerts?: readonly string[] | undefined;
  /** Has all layers of the images, but for those that the registry is known to have. */
  readonly blobs: BlobStore;
}

/**
 * Pushes images (one for each platform) under every name; several get an index. Layers are sent to the
 * first name while they are compressed. Blobs that one name's
 * repository has are mounted for the next in the same registry.
 * @throws BuildError REGISTRY_*
 */
export async function pushImages(
  makeBlobs: MakeBlobs,
  references: readonly ImageReference[],
  options: PushOptions,
  deps: PushDeps,
  signal: AbortSignal,
): Promise<WrittenImage> {
  const registries =
    options.isInsecure === true ? withInsecure(deps.registries, references) : deps.registries;
  using pusher = createImagePusher({ ...deps, registries });
  const { images, sentBytes: sentEarly } = await madeAndSent(makeBlobs, references, pusher, signal);
  const index = images.length > 1 ? indexOf(images, options.annotations ?? []) : undefined;
  const top = index ?? images[0]?.manifest;
  if (top === undefined) throw new TypeError('A push needs an image');
  const { mediaType, size, platform, annotations } = top;
  const names = references.map(familiarName).join(', ');
  const pushedTo = new Map<string, string>();
  let written: WrittenImage | undefined;
  let sentBytes = sentEarly;
  for (const reference of references) {
    const { registry, repository } = reference;
    const content = contentOf(images, index, deps.blobs, registry, pushedTo.get(registry));
    const name =
      options.isByDigest === true
        ? { ...reference, tag: undefined, digest: top.digest }
        : { ...reference, digest: undefined };
    const pushed = await pusher.push(formatReference(name), content, signal);
    const { digest } = pushed;
    sentBytes += pushed.sentBytes;
    pushedTo.set(registry, repository);
    for (const layer of images.flatMap(({ layers }) => layers)) {
      if (deps.blobs.sizeOf(layer.digest) === undefined) continue;
      deps.blobs.origins.note(layer.digest, `${registry}/${repository}`);
    }
    const bytes = content.blobs.reduce((sum, { descriptor }) => sum + descriptor.size, 0);
    const descriptor = { mediaType, digest, size, platform, annotations };
    written = { destination: `registry ${names}`, digest, bytes, sentBytes, descriptor };
  }
  if (written === undefined) throw new TypeError('A push needs a name');
  return written;
}

/** Makes the blobs, and sends them to the first name at the same time. */
async function madeAndSent(
  makeBlobs: MakeBlobs,
  [first]: readonly ImageReference[],
  pusher: ImagePusher,
  signal: AbortSignal,
): Promise<{ readonly images: readonly ImageBlobs[]; readonly sentBytes: number }> {
  const stop = new AbortController();
  const both = AbortSignal.any([signal, stop.signal]);
  const uploads: Promise<number>[] = [];
  try {
    const images = await makeBlobs((growing) => {
      if (first !== undefined)
        uploads.push(pusher.sendEarly(formatReference(first), growing, both));
    });
    const sent = await Promise.all(uploads);
    return { images, sentBytes: sent.reduce((sum, bytes) => sum + bytes, 0) };
  } finally {
    stop.abort(new Error('No image was made'));
    await Promise.all(uploads);
  }
}

/** The configuration with exceptions for the registries of some names. */
export function withInsecure(
  registries: RegistriesConfig,
  references: readonly ImageReference[],
): RegistriesConfig {
  const hosts = references.map(({ registry }) => [
    registry,
    { ...registries[registry], insecure: true },
  ]);
  return { ...registries, ...Object.fromEntries(hosts) } as RegistriesConfig;
}

function contentOf(
  images: readonly ImageBlobs[],
  index: IndexBytes | undefined,
  store: BlobStore,
  registry: string,
  mountFrom: string | undefined,
): PushContent {
  const stored = (descriptor: Descriptor): PushBlob => ({
    descriptor,
    open: (signal) => store.openRead(descriptor.digest, signal),
    mountFrom: mountFrom ?? knownRepository(store.origins.of(descriptor.digest), registry),
  });
  const inMemory = (descriptor: Descriptor, bytes: Uint8Array): PushBlob => ({
    descriptor,
    open: () => once(bytes),
    mountFrom,
  });
  return {
    blobs: images.flatMap(({ config, configBytes, layers }) => [
      ...layers.map(stored),
      inMemory(config, configBytes),
    ]),
    manifests: images.map(({ manifest, manifestBytes }) => ({
      bytes: manifestBytes,
      mediaType: manifest.mediaType,
    })),
    index,
  };
}

/** The repository of `registry` among those that have a blob. */
export function knownRepository(origins: readonly string[], registry: string): string | undefined {
  const prefix = `${registry}/`;
  return origins.find((origin) => origin.startsWith(prefix))?.slice(prefix.length);
}

function indexOf(images: readonly ImageBlobs[], annotations: readonly Annotation[]): IndexBytes {
  const isOci = images.every(({ manifest }) => manifest.mediaType === MEDIA_TYPE.ociManifest);
  return imageIndex(images, isOci, annotations);
}

async function* once(bytes: Uint8Array): AsyncGenerator<Uint8Array, void> {
  yield await Promise.resolve(bytes);
}
