import type { Digest } from '../core/digest.ts';
import type { BaseImage } from '../image/base-image.ts';
import type { ImageSource } from '../image/image-source.ts';
import type { Descriptor } from '../image/manifest.ts';
import { BuildError } from '../diagnostics/build-error.ts';
import type { Store } from './open-store.ts';

/** What keeping the blobs of base images needs. */
export interface BaseBlobsDeps extends Pick<ImageSource, 'openLayer'> {
  readonly store: Pick<Store, 'blobs' | 'lock'>;
  /** Told in plain words what could not be fetched. */
  readonly note: (text: string) => void;
}

/**
 * The layers of a base image whose bytes are not in the store. Those that are there are held from now on
 * (host/holds.ts): a prune beside the build leaves them.
 */
export function missingBaseBlobs(base: BaseImage, store: Pick<Store, 'blobs'>): Descriptor[] {
  return base.layers.filter(({ digest }) => store.blobs.sizeOf(digest) === undefined);
}

/**
 * Fetches the layers that an image of `needed` blobs has from its base and that are not in the store: their
 * files are here, but a tar that others made can seldom be made again from files, and an image without it
 * could be run, but never saved or pushed. A prune may have taken them while the files stayed. What cannot
 * be fetched is said, as the image is of use without it.
 */
export async function fetchBaseBlobs(
  base: BaseImage,
  needed: ReadonlySet<Digest>,
  deps: BaseBlobsDeps,
  signal: AbortSignal,
): Promise<void> {
  const missing = missingBaseBlobs(base, deps.store).filter(({ digest }) => needed.has(digest));
  if (missing.length === 0) return;
  const { fetchLayer } = await import('../exec/base-layers.ts');
  const { blobs } = deps.store;
  try {
    for (const layer of missing) {
      await fetchLayer(
        layer,
        {
          blobs,
          lock: (name, at) => deps.store.lock(name, at),
          openLayer: (each, offset, at) => deps.openLayer(base, each, offset, at),
        },
        signal,
      );
    }
  } catch (error) {
    signal.throwIfAborted();
    if (!(error instanceof BuildError)) throw error;
    deps.note(
      `The image can be run, and not be saved or pushed: a layer of its base "${base.name}" is not here any more, and fetching it failed: ${error.message}`,
    );
  }
}
