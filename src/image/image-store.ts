import { join } from 'node:path';
import { hexOf, parseDigest, type Digest } from '../core/digest.ts';
import { nearest } from '../core/suggest.ts';
import { readFileCapped, writeFileAtomic } from '../host/atomic-file.ts';
import { acquireLock } from '../host/lock.ts';
import { ambiguousImageId, imageHasNames, imageListCorrupt, imageNotFound } from './errors.ts';
import { EMPTY_LIST, parseImageList, serializeImageList, type ImageList } from './image-list.ts';
import { familiarName, formatReference, isReference } from '../core/image-reference.ts';
import { parseReference } from './reference.ts';
import type { StoredImage, StoredLayer } from './stored-image.ts';

/** An image and the names it has here, full form, sorted. No names: only its id finds it. */
export interface NamedImage {
  readonly image: StoredImage;
  readonly references: readonly string[];
}

/** What `remove` did. */
export interface RemovedImage {
  /** Names that are gone, full form. */
  readonly untagged: readonly string[];
  /** The image, when it is gone too. */
  readonly removed: Digest | undefined;
}

/**
 * The local images: ids and their names, in one file. Names are given as users write them (`app`) and
 * kept in full (`docker.io/library/app:latest`). Readers take no lock: the file is replaced whole.
 */
export interface ImageStore {
  /**
   * Adds an image and points the references at it. An image that is here already keeps what is known
   * of its layers.
   * @throws BuildError INVALID_REFERENCE
   */
  put(image: StoredImage, references: readonly string[], signal: AbortSignal): Promise<void>;
  /** Gives the image of `source` (name or id) one more name. @throws as `find`, INVALID_REFERENCE */
  tag(source: string, reference: string, signal: AbortSignal): Promise<NamedImage>;
  /** Takes a name away; the image stays. @throws BuildError IMAGE_NOT_FOUND, INVALID_REFERENCE */
  untag(reference: string, signal: AbortSignal): Promise<void>;
  /**
   * By name: takes the name away, and the image with its last name. By id: removes the image, which
   * may have one name, or more with `force`.
   * @throws as `find`; BuildError IMAGE_HAS_NAMES
   */
  remove(
    text: string,
    options: { readonly force: boolean },
    signal: AbortSignal,
  ): Promise<RemovedImage>;
  /**
   * By name, id, or the first 4 or more digits of an id.
   * @throws BuildError IMAGE_NOT_FOUND (with the nearest name), AMBIGUOUS_IMAGE_ID
   */
  find(text: string): NamedImage;
  /** Like `find`, and undefined when there is none. @throws BuildError AMBIGUOUS_IMAGE_ID */
  lookup(text: string): StoredImage | undefined;
  /** All images, newest first. */
  list(): readonly NamedImage[];
}

const MAX_LIST_BYTES = 256 * 1024 * 1024;
const SHORT_ID = /^(?:sha256:)?([0-9a-f]{4,64})$/;

/** The images of the store at `root`: `images.json` and its lock. */
export function openImageStore(root: string): ImageStore {
  const path = join(root, 'images.json');
  const lockPath = join(root, 'locks', 'images');
  const read = (): ImageList => readList(path);

  /** Nobody else changes the list between reading and writing. A change that throws writes nothing. */
  async function update<T>(signal: AbortSignal, change: (list: MutableList) => T): Promise<T> {
    await using _lock = await acquireLock(lockPath, { type: 'exclusive' }, signal);
    const { images, references } = read();
    const list = { images: new Map(images), references: new Map(references) };
    const result = change(list);
    writeFileAtomic(path, serializeImageList(list));
    return result;
  }

  return {
    async put(image, references, signal) {
      const full = references.map(fullName);
      await update(signal, (list) => {
        const known = list.images.get(image.id);
        list.images.set(image.id, known === undefined ? image : merged(known, image));
        for (const reference of full) list.references.set(reference, image.id);
      });
    },
    async tag(source, reference, signal) {
      const full = fullName(reference);
      return await update(signal, (list) => {
        const { image } = found(list, source);
        list.references.set(full, image.id);
        return named(list, image);
      });
    },
    async untag(reference, signal) {
      const full = fullName(reference);
      await update(signal, (list) => {
        if (!list.references.delete(full)) throw notFound(list, reference);
      });
    },
    remove: (text, { force }, signal) => update(signal, (list) => removeFrom(list, text, force)),
    find: (text) => found(read(), text),
    lookup: (text) => {
      const list = read();
      return search(list, text);
    },
    list: () => {
      const list = read();
      return [...list.images.values()].sort(newestFirst).map((image) => named(list, image));
    },
  };
}

interface MutableList {
  readonly images: Map<Digest, StoredImage>;
  readonly references: Map<string, Digest>;
}

function readList(path: string): ImageList {
  const bytes = readFileCapped(path, MAX_LIST_BYTES);
  if (bytes === undefined) return EMPTY_LIST;
  try {
    return parseImageList(bytes);
  } catch (cause) {
    throw imageListCorrupt(path, cause);
  }
}

function removeFrom(list: MutableList, text: string, force: boolean): RemovedImage {
  const { image, references } = found(list, text);
  const name = isReference(text) ? fullName(text) : undefined;
  if (name !== undefined && references.includes(name)) {
    list.references.delete(name);
    if (references.length > 1) return { untagged: [name], removed: undefined };
  } else {
    if (references.length > 1 && !force) {
      throw imageHasNames(hexOf(image.id).slice(0, 12), references.map(familiar));
    }
    for (const reference of references) list.references.delete(reference);
  }
  list.images.delete(image.id);
  return { untagged: references, removed: image.id };
}

function found(list: ImageList, text: string): NamedImage {
  const image = search(list, text);
  if (image === undefined) throw notFound(list, text);
  return named(list, image);
}

function search(list: ImageList, text: string): StoredImage | undefined {
  // A full id is never a name; a short one may be, and then the name is meant.
  const byName = isReference(text) ? list.references.get(fullName(text)) : undefined;
  const id = byName ?? idOf(list, text);
  return id === undefined ? undefined : list.images.get(id);
}

function idOf(list: ImageList, text: string): Digest | undefined {
  const digits = SHORT_ID.exec(text)?.[1];
  if (digits === undefined) return undefined;
  if (digits.length === 64) return parseDigest(`sha256:${digits}`);
  const ids = [...list.images.keys()].filter((id) => hexOf(id).startsWith(digits));
  if (ids.length > 1) throw ambiguousImageId(text, ids.length);
  return ids[0];
}

function notFound(list: ImageList, text: string): Error {
  const names = [...list.references.keys()].map(familiar);
  // People leave ":latest" out, so names are compared without it as well.
  const short = names.map((name) => name.replace(/:latest$/, ''));
  const near = nearest(text, [...names, ...short]);
  const hint = near === undefined ? undefined : `Did you mean "${near}"?`;
  return imageNotFound(text, 'there is no such image in the local store', hint);
}

function named(list: ImageList, image: StoredImage): NamedImage {
  const references = [...list.references].filter(([, id]) => id === image.id).map(([name]) => name);
  return { image, references: references.sort() };
}

/** Both have the same config and so the same layers: what either knows of them is true. */
function merged(known: StoredImage, image: StoredImage): StoredImage {
  const layers = image.layers.map((layer, index): StoredLayer => {
    const old = known.layers[index];
    return { ...layer, snapshot: layer.snapshot ?? old?.snapshot, blob: layer.blob ?? old?.blob };
  });
  return { ...image, layers, manifestDigest: image.manifestDigest ?? known.manifestDigest };
}

function newestFirst(a: StoredImage, b: StoredImage): number {
  if (a.storedAt !== b.storedAt) return a.storedAt < b.storedAt ? 1 : -1;
  return a.id < b.id ? -1 : 1;
}

function fullName(text: string): string {
  return formatReference(parseReference(text));
}

function familiar(full: string): string {
  return familiarName(parseReference(full));
}
