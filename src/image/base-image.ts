import type { Digest } from '../core/digest.ts';
import type { ImageConfig } from './config.ts';
import type { Descriptor } from './manifest.ts';

/** What the local store has of an image's layers. */
export interface LocalLayers {
  /** Id of the snapshot that holds its files, with those below it. Undefined: it has no layer. */
  readonly snapshot: string | undefined;
  /** `clampMtime` of each layer (stored-image.ts). */
  readonly clampMtimes: readonly (number | undefined)[];
}

/**
 * A base image after its name was resolved: everything that planning needs, and none of its layers.
 * Layers are fetched when a step needs their files.
 */
export interface BaseImage {
  /** As the registry or layout names it, e.g. `docker.io/library/alpine:3.18`; used in messages and keys never. */
  readonly name: string;
  /** Digest of the manifest of the chosen platform: the identity of the source op. */
  readonly manifestDigest: Digest;
  /** What its name led to: the digest of that manifest, or of the index with it. Undefined for the local store. */
  readonly rootDigest?: Digest | undefined;
  readonly config: ImageConfig;
  readonly configDigest: Digest;
  /** Bottom to top; same length and order as `config.rootfs.diff_ids`. */
  readonly layers: readonly Descriptor[];
  /** Of an image of the local store. */
  readonly local?: LocalLayers | undefined;
}
