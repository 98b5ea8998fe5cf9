import type { Readable } from 'node:stream';
import type { Digest } from '../core/digest.ts';
import type { GrowingBlob } from './growing-blob.ts';
import type { BlobOrigins } from './blob-origins.ts';
import type { OpenAt } from './partial-blob.ts';

/**
 * Bytes by digest. A blob is there whole and checked, or not at all: writing goes to a temporary
 * file, is hashed on the way, synced, renamed, and the directory synced. Many processes share one
 * store. Every implementation passes `blobStoreContract` (blob-store.contract.ts).
 */
export interface BlobStore {
  /** Size in bytes, or undefined when the blob is not here. */
  sizeOf(digest: Digest): number | undefined;
  /** Host path of a blob that is here. Read only; do not write, link or rename it. */
  pathOf(digest: Digest): string;
  /**
   * A small blob (manifest, config), digest checked again.
   * @throws BuildError BLOB_NOT_FOUND, BLOB_CORRUPT, BLOB_TOO_LARGE
   */
  readBytes(digest: Digest, maxBytes: number): Buffer;
  /** Bytes as a stream that fails at its end when digest or size do not fit. */
  openRead(digest: Digest, signal: AbortSignal): Readable;
  /** Stores bytes that are in memory. Idempotent. */
  writeBytes(bytes: Uint8Array): Digest;
  /**
   * Stores a stream. With `expected`, the stream is cut off one byte past the size, and nothing is
   * kept when size or digest differ. `follow` is given the bytes as they are written.
   * @throws BuildError BLOB_DIGEST_MISMATCH, BLOB_SIZE_MISMATCH
   */
  write(
    source: AsyncIterable<Uint8Array>,
    expected: { readonly digest: Digest; readonly size: number } | undefined,
    signal: AbortSignal,
    follow?: (growing: GrowingBlob) => void,
  ): Promise<WrittenBlob>;
  /**
   * Stores a blob whose bytes can be had from any place on: what an earlier call left when it was
   * interrupted, or its process killed, is not asked for again. `follow` is given the bytes as they are
   * written: whoever reads them must not trust them before this has succeeded.
   * @throws BuildError BLOB_DIGEST_MISMATCH, BLOB_SIZE_MISMATCH; whatever `openAt` and its stream throw
   */
  writeResumable(
    expected: { readonly digest: Digest; readonly size: number },
    openAt: OpenAt,
    signal: AbortSignal,
    follow?: (growing: GrowingBlob) => void,
  ): Promise<void>;
  readonly origins: BlobOrigins;
}

export interface WrittenBlob {
  readonly digest: Digest;
  /** Bytes. */
  readonly size: number;
}
