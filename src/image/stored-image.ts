import type { Digest, DiffId } from '../core/digest.ts';
import type { Descriptor } from './manifest.ts';

/**
 * An image in the local store. Layers need no compressed bytes here: those are made when the image is
 * first exported or pushed, and remembered by diff id.
 */
export interface StoredImage {
  /** Digest of the config: the image id that Docker shows. */
  readonly id: Digest;
  /** Bottom to top, as in the config's `diff_ids`. */
  readonly layers: readonly StoredLayer[];
  /** Digest of the manifest it was pulled by or last exported with, when there is one. */
  readonly manifestDigest: Digest | undefined;
  /** RFC 3339. When it was put into this store, to the hour if it was put again. */
  readonly storedAt: string;
}

export interface StoredLayer {
  readonly diffId: DiffId;
  /** Bytes of the uncompressed tar. */
  readonly size: number;
  /** Id of the snapshot (snapshot/snapshotter.ts) whose own directory is this layer; undefined when only the blob is here. */
  readonly snapshot: string | undefined;
  /** SOURCE_DATE_EPOCH that the times in the tar were clamped to, when the snapshot has later ones. */
  readonly clampMtime?: number | undefined;
  /** The stored bytes, when they are in the blob store. */
  readonly blob: Descriptor | undefined;
}
