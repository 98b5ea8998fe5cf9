import type { Platform } from '../core/platform.ts';
import type { WrittenImage } from '../events/event.ts';
import type { MakeBlobs } from '../export/export-image.ts';
import type { ImageBlobs } from '../export/image-blobs.ts';
import { storedName } from '../core/image-reference.ts';
import { imageNotFound } from '../image/errors.ts';
import { parseReference } from '../image/reference.ts';
import { checkPlatform } from './check-platform.ts';
import { exportableImage } from './exportable-layers.ts';
import type { Store } from './open-store.ts';
import type { RegistryAccess } from './registry-access.ts';

/**
 * Sends an image of the local store to the registry that its name says; of several platforms all of
 * them and their index, or the one for `platform`. Blobs that are there already are not sent. Layers are
 * compressed when they are first pushed, and never again.
 * @throws BuildError IMAGE_NOT_FOUND, PLATFORM_NOT_FOUND, INVALID_REFERENCE, REGISTRY_*
 */
export async function pushImage(
  name: string,
  platform: Platform | undefined,
  store: Store,
  access: RegistryAccess,
  signal: AbortSignal,
): Promise<WrittenImage> {
  const reference = parseReference(name);
  const entry =
    platform === undefined ? store.images.findEntry(name) : store.images.find(name, platform);
  // What was found by the beginning of its id is no image of that name.
  if (!entry.references.includes(storedName(reference))) {
    const hint = 'Give the image a name with "stagecraft tag".';
    throw imageNotFound(name, 'there is no image of that name in the local store', hint);
  }
  if (platform !== undefined && 'image' in entry) checkPlatform(name, entry, platform, store);
  const { imageBlobs } = await import('../export/image-blobs.ts');
  const { DEFAULT_ENCODING } = await import('../export/output.ts');
  const deps = { blobs: store.blobs, root: store.root };
  const images = 'image' in entry ? [entry.image] : entry.images;
  const exportable = images.map((image) => exportableImage(image, name, [name], store));
  const makeBlobs: MakeBlobs = async (follow) => {
    const blobs: ImageBlobs[] = [];
    for (const image of exportable) {
      blobs.push(await imageBlobs(image, DEFAULT_ENCODING, { ...deps, follow }, signal));
    }
    return blobs;
  };
  const { pushImages } = await import('./push-images.ts');
  return pushImages(makeBlobs, [reference], {}, { ...access, blobs: store.blobs }, signal);
}

/**
 * Names of the local store with a tag in the repository that `name` says, in order.
 * @throws BuildError IMAGE_NOT_FOUND when there is none
 */
export function namesInRepository(name: string, store: Store): readonly string[] {
  const { registry, repository } = parseReference(name);
  const all = [...store.images.list(), ...store.images.listIndexes()];
  const names = all
    .flatMap(({ references }) => references)
    .filter((reference) => {
      const known = parseReference(reference);
      const isTag = known.tag !== undefined && known.digest === undefined;
      return isTag && known.registry === registry && known.repository === repository;
    });
  if (names.length > 0) return [...new Set(names)].sort();
  throw imageNotFound(name, 'there is no image of that repository in the local store');
}
