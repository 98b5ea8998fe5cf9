import { canonicalJson } from '../core/canonical-json.ts';
import type { Digest } from '../core/digest.ts';
import { formatPlatform, type Platform } from '../core/platform.ts';
import { digestOf } from '../core/sha256.ts';

/**
 * Images of one name for several platforms, in the local store. As a stored image has no manifest until
 * somebody asks for one, this has none either: what an export or a push writes is made then.
 */
export interface StoredIndex {
  /** From `indexIdOf`. */
  readonly id: Digest;
  /** In the order they were asked for. All are images of the same store. */
  readonly images: readonly IndexedImage[];
  /** Digest of the index it was pulled by or last pushed as, when there is one. */
  readonly manifestDigest: Digest | undefined;
  /** RFC 3339. When it was put into this store, to the hour if it was put again. */
  readonly storedAt: string;
}

/** One image of an index. */
export interface IndexedImage {
  /** `linux/arm/v7`, normalised. */
  readonly platform: string;
  /** Image id. */
  readonly id: Digest;
}

/** An image as one of an index. */
export function indexedImage(image: {
  readonly id: Digest;
  readonly platform: Platform;
}): IndexedImage {
  return { platform: formatPlatform(image.platform), id: image.id };
}

/** The id of an index: a digest of its image ids and platforms, so that equal builds have equal ids. */
export function indexIdOf(images: readonly IndexedImage[]): Digest {
  return digestOf(canonicalJson(images.map(({ platform, id }) => ({ platform, id }))));
}
