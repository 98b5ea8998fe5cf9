import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { BlobStore, WrittenBlob } from '../content/blob-store.ts';
import { hexOf, parseDigest, type DiffId } from '../core/digest.ts';
import { finishDiffId } from '../core/sha256.ts';
import { readFileCapped } from '../host/atomic-file.ts';
import { replaceFile } from '../host/replace-file.ts';
import { gzipStream } from '../layer/compress.ts';
import { layerBytesChanged } from './errors.ts';
import type { Compression } from './output.ts';

/** A layer as the files of this host give it. */
export interface LayerSource {
  readonly diffId: DiffId;
  /** Bytes of the uncompressed tar. */
  readonly size: number;
  /** The uncompressed tar. Each chunk need only be valid until the next one is asked for. */
  open(signal: AbortSignal): AsyncIterable<Uint8Array>;
}

export interface CompressedLayerDeps {
  readonly blobs: BlobStore;
  /** Root directory of the store. */
  readonly root: string;
}

/** A digest, a space and a size are far shorter. */
const MAX_RECORD_BYTES = 200;

/**
 * The blob of a layer, made when it is not in the store yet: read, checked against its diff id,
 * compressed and stored in one pass. What was made is remembered below `layers/gzip/`, so that the next
 * export or push finds it.
 * @throws BuildError LAYER_CHANGED when the files do not give the layer's diff id any more
 */
export async function compressedLayer(
  layer: LayerSource,
  compression: Compression,
  { blobs, root }: CompressedLayerDeps,
  signal: AbortSignal,
): Promise<WrittenBlob> {
  if (compression.kind === 'uncompressed') return plainLayer(layer, blobs, signal);
  const directory = join(root, 'layers', 'gzip');
  const path = join(directory, `${hexOf(layer.diffId)}-${compression.level}`);
  const known = remembered(path, blobs);
  if (known !== undefined) return known;
  const compressed = gzipStream(checked(layer, signal), compression, signal);
  const written = await blobs.write(compressed, undefined, signal);
  mkdirSync(directory, { recursive: true, mode: 0o700 });
  replaceFile(path, `${written.digest} ${written.size}`);
  return written;
}

/** The digest of the uncompressed tar is the diff id, so nothing has to be remembered. */
async function plainLayer(
  layer: LayerSource,
  blobs: BlobStore,
  signal: AbortSignal,
): Promise<WrittenBlob> {
  const digest = parseDigest(layer.diffId);
  if (digest === undefined) throw new TypeError(`"${layer.diffId}" is no digest`);
  if (blobs.sizeOf(digest) === layer.size) return { digest, size: layer.size };
  return blobs.write(checked(layer, signal), undefined, signal);
}

/** What a record says, when the blob is still there. A record that is torn counts as none. */
function remembered(path: string, blobs: BlobStore): WrittenBlob | undefined {
  const text = readFileCapped(path, MAX_RECORD_BYTES)?.toString('latin1') ?? '';
  const [digestText = '', sizeText = ''] = text.split(' ');
  const digest = parseDigest(digestText);
  const size = Number(sizeText);
  if (digest === undefined || blobs.sizeOf(digest) !== size) return undefined;
  return { digest, size };
}

/** Passes the tar on and fails at its end when it is another one than the image config names. */
async function* checked(layer: LayerSource, signal: AbortSignal): AsyncGenerator<Uint8Array, void> {
  const hash = createHash('sha256');
  for await (const chunk of layer.open(signal)) {
    hash.update(chunk);
    yield chunk;
  }
  const diffId = finishDiffId(hash);
  if (diffId !== layer.diffId) throw layerBytesChanged(layer.diffId, diffId);
}
