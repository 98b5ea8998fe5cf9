import { join } from 'node:path';
import { hexOf, parseDigest, type Digest } from '../core/digest.ts';
import { nearest } from '../core/suggest.ts';
import { BuildError } from '../diagnostics/build-error.ts';
import { readFileCapped, writeFileAtomic } from '../host/atomic-file.ts';
import { acquireLock } from '../host/lock.ts';
import { findForPlatform, formatPlatform, type Platform } from '../core/platform.ts';
import {
  ambiguousImageId,
  imageHasNames,
  imageInIndex,
  imageListCorrupt,
  imageNotFound,
  platformNotFound,
} from './errors.ts';
import { EMPTY_LIST, parseImageList, serializeImageList, type ImageList } from './image-list.ts';
import { familiarName, formatReference, isReference, storedName } from '../core/image-reference.ts';
import { parseNewName, parseReference } from './reference.ts';
import type { StoredImage, StoredLayer } from './stored-image.ts';
import type { StoredIndex } from './stored-index.ts';

/** An image and the names it has here, full form, sorted. No names: only its id finds it. */
export interface NamedImage {
  readonly image: StoredImage;
  readonly references: readonly string[];
}

/** Images of several platforms under one name, as `NamedImage`. */
export interface NamedIndex {
  readonly index: StoredIndex;
  /** In the order of the index. */
  readonly images: readonly StoredImage[];
  readonly references: readonly string[];
}

/** What `remove` did. */
export interface RemovedImage {
  /** Names that are gone, full form. */
  readonly untagged: readonly string[];
  /** The image or index, when it is gone too. */
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
  /**
   * Adds an index of images that are here already, and points the references at it.
   * @throws BuildError INVALID_REFERENCE; IMAGE_NOT_FOUND when one of its images went meanwhile
   */
  putIndex(index: StoredIndex, references: readonly string[], signal: AbortSignal): Promise<void>;
  /** Gives an image or index (by name or id) one more name. @throws as `find`, INVALID_REFERENCE */
  tag(source: string, reference: string, signal: AbortSignal): Promise<void>;
  /** Takes a name away; the image stays. @throws BuildError IMAGE_NOT_FOUND, INVALID_REFERENCE */
  untag(reference: string, signal: AbortSignal): Promise<void>;
  /**
   * By name: takes the name away, and the image with its last name. By id: removes the image, which
   * may have one name, or more with `force`. With an index go those of its images that have no name of
   * their own. An image that an index lists stays as long as the index does.
   * @throws as `find`; BuildError IMAGE_HAS_NAMES, IMAGE_IN_INDEX
   */
  remove(
    text: string,
    options: { readonly force: boolean },
    signal: AbortSignal,
  ): Promise<RemovedImage>;
  /**
   * By name, id, or the first 4 or more digits of an id. Of an index, the image for `platform`, or its
   * first one without; the references are those of the index then.
   * @throws BuildError IMAGE_NOT_FOUND (with the nearest name), AMBIGUOUS_IMAGE_ID, PLATFORM_NOT_FOUND
   */
  find(text: string, platform?: Platform): NamedImage;
  /** What the name or id stands for. @throws BuildError IMAGE_NOT_FOUND, AMBIGUOUS_IMAGE_ID */
  findEntry(text: string): NamedImage | NamedIndex;
  /**
   * Like `find`, and undefined when there is none, or none for the platform.
   * @throws BuildError AMBIGUOUS_IMAGE_ID
   */
  lookup(text: string, platform?: Platform): StoredImage | undefined;
  /** All images, newest first; also those that only an index names. */
  list(): readonly NamedImage[];
  /** All indexes, newest first. */
  listIndexes(): readonly NamedIndex[];
}

const MAX_LIST_BYTES = 256 * 1024 * 1024;
const SAME_TIME_MS = 60 * 60 * 1000;
const SHORT_ID = /^(?:sha256:)?([0-9a-f]{1,64})$/;

/** The images of the store at `root`: `images.json` and its lock. */
export function openImageStore(root: string): ImageStore {
  const path = join(root, 'images.json');
  const lockPath = join(root, 'locks', 'images');
  const read = (): ImageList => readList(path);

  /**
   * Nobody else changes the list between reading and writing. A change that throws writes nothing, and
   * so does one that changes nothing: to wait for the disk takes longer than a cached build may.
   */
  async function update<T>(signal: AbortSignal, change: (list: MutableList) => T): Promise<T> {
    await using _lock = await acquireLock(lockPath, { type: 'exclusive' }, signal);
    const former = read();
    const { images, indexes, references } = former;
    const list = {
      images: new Map(images),
      indexes: new Map(indexes),
      references: new Map(references),
    };
    const result = change(list);
    const text = serializeImageList(list);
    if (former !== EMPTY_LIST && text === serializeImageList(former)) return result;
    try {
      writeFileAtomic(path, text);
    } catch (error) {
      if (former === EMPTY_LIST || !isDiskFull(error) || !isSameButTimes(list, former)) throw error;
    }
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
    async putIndex(index, references, signal) {
      const full = references.map(fullName);
      await update(signal, (list) => {
        for (const { id } of index.images) if (!list.images.has(id)) throw notFound(list, id);
        const known = list.indexes.get(index.id);
        const manifestDigest = index.manifestDigest ?? known?.manifestDigest;
        list.indexes.set(index.id, { ...index, manifestDigest, storedAt: laterTime(known, index) });
        for (const reference of full) list.references.set(reference, index.id);
      });
    },
    async tag(source, reference, signal) {
      const full = formatReference(parseNewName(reference));
      await update(signal, (list) => {
        list.references.set(full, idOfEntry(foundEntry(list, source)));
      });
    },
    async untag(reference, signal) {
      const full = fullName(reference);
      await update(signal, (list) => {
        if (!list.references.delete(full)) throw notFound(list, reference);
      });
    },
    remove: (text, { force }, signal) => update(signal, (list) => removeFrom(list, text, force)),
    find: (text, platform) => {
      const entry = foundEntry(read(), text);
      return 'image' in entry ? entry : imageOf(entry, platform, text);
    },
    findEntry: (text) => foundEntry(read(), text),
    lookup: (text, platform) => {
      const entry = search(read(), text);
      if (entry === undefined) return undefined;
      return 'image' in entry ? entry.image : chosen(entry, platform);
    },
    list: () => {
      const list = read();
      return [...list.images.values()].sort(newestFirst).map((image) => named(list, image));
    },
    listIndexes: () => {
      const list = read();
      return [...list.indexes.values()].sort(newestFirst).map((index) => namedIndex(list, index));
    },
  };
}

interface MutableList {
  readonly images: Map<Digest, StoredImage>;
  readonly indexes: Map<Digest, StoredIndex>;
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
  const entry = foundEntry(list, text);
  const { references } = entry;
  const id = idOfEntry(entry);
  const name = isReference(text) ? fullName(text) : undefined;
  if (name !== undefined && references.includes(name)) {
    list.references.delete(name);
    if (references.length > 1) return { untagged: [name], removed: undefined };
    // Its index still names the image.
    if ('image' in entry && indexWith(list, id) !== undefined) {
      return { untagged: [name], removed: undefined };
    }
  } else {
    if ('image' in entry) refuseIndexed(list, id);
    if (references.length > 1 && !force) {
      throw imageHasNames(hexOf(id).slice(0, 12), references.map(familiar));
    }
    for (const reference of references) list.references.delete(reference);
  }
  if ('image' in entry) list.images.delete(id);
  else removeIndex(list, entry);
  return { untagged: references, removed: id };
}

function removeIndex(list: MutableList, { index, images }: NamedIndex): void {
  list.indexes.delete(index.id);
  for (const image of images) {
    const isNamed = named(list, image).references.length > 0;
    if (!isNamed && indexWith(list, image.id) === undefined) list.images.delete(image.id);
  }
}

/** @throws BuildError IMAGE_IN_INDEX */
function refuseIndexed(list: ImageList, id: Digest): void {
  const index = indexWith(list, id);
  if (index === undefined) return;
  const platform = index.images.find((part) => part.id === id)?.platform ?? '';
  const [name] = namedIndex(list, index).references;
  const title = name === undefined ? hexOf(index.id).slice(0, 12) : familiar(name);
  throw imageInIndex(hexOf(id).slice(0, 12), platform, title);
}

function indexWith(list: ImageList, id: Digest): StoredIndex | undefined {
  return [...list.indexes.values()].find(({ images }) => images.some((part) => part.id === id));
}

function foundEntry(list: ImageList, text: string): NamedImage | NamedIndex {
  const entry = search(list, text);
  if (entry === undefined) throw notFound(list, text);
  return entry;
}

function search(list: ImageList, text: string): NamedImage | NamedIndex | undefined {
  // A full id is never a name; a short one may be, and then the name is meant.
  const byName = isReference(text) ? list.references.get(fullName(text)) : undefined;
  const id = byName ?? idOf(list, text);
  if (id === undefined) return undefined;
  const index = list.indexes.get(id);
  if (index !== undefined) return namedIndex(list, index);
  const image = list.images.get(id);
  return image && named(list, image);
}

function idOf(list: ImageList, text: string): Digest | undefined {
  const digits = SHORT_ID.exec(text)?.[1];
  if (digits === undefined) return undefined;
  if (digits.length === 64) return parseDigest(`sha256:${digits}`);
  const known = [...list.images.keys(), ...list.indexes.keys()];
  const ids = known.filter((id) => hexOf(id).startsWith(digits));
  if (ids.length > 1) throw ambiguousImageId(text, ids.length);
  return ids[0];
}

function idOfEntry(entry: NamedImage | NamedIndex): Digest {
  return 'image' in entry ? entry.image.id : entry.index.id;
}

/** @throws BuildError PLATFORM_NOT_FOUND */
function imageOf(entry: NamedIndex, platform: Platform | undefined, text: string): NamedImage {
  const image = chosen(entry, platform);
  if (image !== undefined) return { image, references: entry.references };
  const wanted = platform === undefined ? 'any' : formatPlatform(platform);
  throw platformNotFound(
    text,
    wanted,
    entry.index.images.map((part) => part.platform),
  );
}

function chosen(
  { index, images }: NamedIndex,
  platform: Platform | undefined,
): StoredImage | undefined {
  if (platform === undefined) return images[0];
  return images[
    findForPlatform(
      index.images.map((part) => part.platform),
      platform,
    ) ?? -1
  ];
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

function namedIndex(list: ImageList, index: StoredIndex): NamedIndex {
  const references = [...list.references].filter(([, id]) => id === index.id).map(([name]) => name);
  const images = index.images.flatMap(({ id }) => list.images.get(id) ?? []);
  return { index, images, references: references.sort() };
}

/** Both have the same config and so the same layers: what either knows of them is true. */
function merged(known: StoredImage, image: StoredImage): StoredImage {
  const layers = image.layers.map((layer, index): StoredLayer => {
    const old = known.layers[index];
    const { snapshot, clampMtime } = layer.snapshot === undefined ? (old ?? layer) : layer;
    return { ...layer, snapshot, clampMtime, blob: layer.blob ?? old?.blob };
  });
  return {
    ...image,
    layers,
    manifestDigest: image.manifestDigest ?? known.manifestDigest,
    storedAt: laterTime(known, image),
  };
}

function isDiskFull(error: unknown): boolean {
  return error instanceof BuildError && error.code === 'DISK_FULL';
}

/** True when nothing is lost but when an image was last built. */
function isSameButTimes(a: ImageList, b: ImageList): boolean {
  return serializeImageList(withoutTimes(a)) === serializeImageList(withoutTimes(b));
}

function withoutTimes({ images, indexes, references }: ImageList): ImageList {
  const timeless = <T extends { readonly storedAt: string }>(
    entries: ReadonlyMap<Digest, T>,
  ): Map<Digest, T> => new Map([...entries].map(([id, entry]) => [id, { ...entry, storedAt: '' }]));
  return { references, images: timeless(images), indexes: timeless(indexes) };
}

/** The new time when it is more than an hour later: a build that changed nothing has nothing to write. */
function laterTime(
  known: Pick<StoredImage, 'storedAt'> | undefined,
  image: Pick<StoredImage, 'storedAt'>,
): string {
  if (known === undefined) return image.storedAt;
  const passed = Date.parse(image.storedAt) - Date.parse(known.storedAt);
  return passed >= 0 && passed < SAME_TIME_MS ? known.storedAt : image.storedAt;
}

function newestFirst(
  a: Pick<StoredImage, 'id' | 'storedAt'>,
  b: Pick<StoredImage, 'id' | 'storedAt'>,
): number {
  if (a.storedAt !== b.storedAt) return a.storedAt < b.storedAt ? 1 : -1;
  return a.id < b.id ? -1 : 1;
}

function fullName(text: string): string {
  return storedName(parseReference(text));
}

function familiar(full: string): string {
  return familiarName(parseReference(full));
}
