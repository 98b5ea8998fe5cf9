import type { Digest } from '../core/digest.ts';
import type { ImageConfig } from './config.ts';
import type { Descriptor } from './manifest.ts';

/**
 * A base image after its name was resolved: everything that planning needs, and none of its layers.
 * Layers are fetched when a step needs their files.
 */
export interface BaseImage {
  /** As the registry or layout names it, e.g. `docker.io/library/alpine:3.18`; used in messages and keys never. */
  readonly name: string;
  /** Digest of the manifest of the chosen platform: the identity of the source op. */
  readonly manifestDigest: Digest;
  readonly config: ImageConfig;
  readonly configDigest: Digest;
  /** Bottom to top; same length and order as `config.rootfs.diff_ids`. */
  readonly layers: readonly Descriptor[];
}
