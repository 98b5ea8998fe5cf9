import { formatReference } from '../core/image-reference.ts';
import { parseReference } from '../image/reference.ts';
import type { Platform } from '../core/platform.ts';
import { timeText } from '../core/time-text.ts';
import type { Digest } from '../core/digest.ts';
import { ensureBaseLayers } from '../exec/base-layers.ts';
import type { StoredLayer } from '../image/stored-image.ts';
import { indexedImage, indexIdOf } from '../image/stored-index.ts';
import type { Store } from './open-store.ts';
import type { RegistryAccess } from './registry-access.ts';

/** What was pulled. */
export interface PulledImage {
  /** Full name with tag or digest. */
  readonly name: string;
  readonly id: Digest;
  /** That was asked for. */
  readonly platform: Platform;
  readonly manifestDigest: Digest;
}

/**
 * Fetches the images of a name for these platforms; several get an index that has the name.
 * @throws as `pullImage`
 */
export async function pullImages(
  written: string,
  platforms: readonly Platform[],
  store: Store,
  access: RegistryAccess,
  host: { now(): number; onProgress(fetched: number, total: number): void },
  signal: AbortSignal,
): Promise<readonly PulledImage[]> {
  const [only] = platforms;
  if (only !== undefined && platforms.length === 1) {
    return [await pullImage(written, only, store, access, host, signal)];
  }
  const pulled: PulledImage[] = [];
  let before = 0;
  for (const platform of platforms) {
    let now = 0;
    const progress = {
      now: () => host.now(),
      onProgress: (fetched: number, total: number) => {
        now = fetched;
        host.onProgress(before + fetched, before + total);
      },
    };
    pulled.push(await fetchImage(written, platform, [], store, access, progress, signal));
    before += now;
  }
  const images = pulled.map(({ id, platform }) => indexedImage({ id, platform }));
  const index = { id: indexIdOf(images), images, manifestDigest: undefined };
  const storedAt = timeText(host.now());
  await store.images.putIndex({ ...index, storedAt }, [written], signal);
  return pulled;
}

/**
 * Fetches an image into the local store: manifest, config and the layers that are not here, each byte
 * checked against its digest. Its config is kept as it came, so the image id is that of its maker.
 * @throws BuildError INVALID_REFERENCE, IMAGE_NOT_FOUND, PLATFORM_NOT_FOUND, REGISTRY_*
 */
export function pullImage(
  written: string,
  platform: Platform,
  store: Store,
  access: RegistryAccess,
  host: { now(): number; onProgress(fetched: number, total: number): void },
  signal: AbortSignal,
): Promise<PulledImage> {
  return fetchImage(written, platform, [written], store, access, host, signal);
}

async function fetchImage(
  written: string,
  platform: Platform,
  references: readonly string[],
  store: Store,
  access: RegistryAccess,
  host: { now(): number; onProgress(fetched: number, total: number): void },
  signal: AbortSignal,
): Promise<PulledImage> {
  const name = formatReference(parseReference(written));
  const { createRegistryImageSource } = await import('../registry/registry-image-source.ts');
  const source = createRegistryImageSource({ ...access, blobs: store.blobs });
  const image = await source.resolve(name, platform, signal);
  const top = await ensureBaseLayers(
    image,
    {
      blobs: store.blobs,
      snapshots: store.snapshots,
      layers: store.layers,
      openLayer: (...layer) => source.openLayer(...layer),
      lock: (lock, lockSignal) => store.lock(lock, lockSignal),
      onProgress: (fetched, total) => host.onProgress(fetched, total),
    },
    signal,
  );
  const chain = top === undefined ? [] : store.snapshots.chain(top).toReversed();
  const layers = chain.map(({ id }, index): StoredLayer => {
    const facts = store.layers.factsOf(id, undefined);
    if (facts === undefined) throw new TypeError(`Snapshot ${id} was not measured`);
    return { ...facts, snapshot: id, blob: image.layers[index] };
  });
  await store.snapshots.flush();
  const stored = {
    id: image.configDigest,
    layers,
    manifestDigest: image.manifestDigest,
    storedAt: timeText(host.now()),
  };
  await store.images.put(stored, references, signal);
  return { name, id: image.configDigest, platform, manifestDigest: image.manifestDigest };
}
