import { createHash } from 'node:crypto';
import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { BlobStore, WrittenBlob } from '../content/blob-store.ts';
import type { GrowingBlob } from '../content/growing-blob.ts';
import { hexOf, parseDigest, type DiffId } from '../core/digest.ts';
import { finishDiffId } from '../core/sha256.ts';
import { readFileCapped } from '../host/atomic-file.ts';
import { replaceFile } from '../host/replace-file.ts';
import { blocksOf, bytesOf, type Block } from '../layer/blocks.ts';
import { GZIP_BLOCK_BYTES, gzipBlocks } from '../layer/compress.ts';
import { TarAsideFailure } from '../layer/tar-aside.ts';
import { zstdStream } from '../layer/zstd.ts';
import { layerBytesChanged } from './errors.ts';
import type { Compression } from './output.ts';

/** How a stored layer is compressed. */
export type PackedForm = Compression['kind'];

/** A stored layer. */
export interface CompressedLayer extends WrittenBlob {
  readonly form: PackedForm;
}

/** A layer as the files of this host give it. */
export interface LayerSource {
  readonly diffId: DiffId;
  /** Bytes of the uncompressed tar. */
  readonly size: number;
  /** The uncompressed tar. Each chunk need only be valid until the next one is asked for. */
  open(signal: AbortSignal): AsyncIterable<Uint8Array>;
  /**
   * The same, read and checked against the diff id by another thread; undefined where that is not worth it.
   * Fails with `TarAsideFailure`; `open` tells what is wrong then.
   */
  openAside?(): AsyncIterable<Block> | undefined;
}

export interface CompressedLayerDeps {
  readonly blobs: BlobStore;
  /** Root directory of the store. */
  readonly root: string;
  /** Is given large layers while they are compressed. */
  readonly follow?: FollowLayer | undefined;
}

/** Told of each blob that begins to grow. It is not waited for. */
export type FollowLayer = (growing: GrowingBlob) => void;

/** What is sent in less than a round trip or two need not be followed. */
const MIN_FOLLOWED_BYTES = 4 << 20;

/** A digest, a space and a size are far shorter. */
const MAX_RECORD_BYTES = 200;
/** Below the store; the forms in file names came later than its name. */
const NOTES = ['layers', 'gzip'] as const;
/** Stands for the level in the name of a note about bytes that somebody else compressed. */
const FETCHED = 'fetched';

/**
 * The blob of a layer, made when it is not in the store yet: read, checked against its diff id,
 * compressed and stored in one pass. What was made is remembered below `layers/gzip/`, so that the next
 * export or push finds it. Bytes that were fetched for the layer will do, unless `isForced`.
 * @throws BuildError LAYER_CHANGED when the files do not give the layer's diff id any more
 */
export async function compressedLayer(
  layer: LayerSource,
  compression: Compression,
  { blobs, root, follow }: CompressedLayerDeps,
  signal: AbortSignal,
  isForced = false,
): Promise<CompressedLayer> {
  const { kind } = compression;
  const fetched = isForced ? undefined : remembered(notePath(root, layer.diffId, FETCHED), blobs);
  if (fetched !== undefined) return fetched;
  if (kind === 'uncompressed') return { ...(await plainLayer(layer, blobs, signal)), form: kind };
  const level = String(compression.level);
  const path = notePath(root, layer.diffId, kind === 'gzip' ? level : `${kind}-${level}`);
  const known = remembered(path, blobs);
  if (known !== undefined) return known;
  const follower = layer.size < MIN_FOLLOWED_BYTES ? undefined : follow;
  const write = (tar: AsyncIterable<Block>): Promise<WrittenBlob> =>
    blobs.write(compressBlocks(tar, compression, signal), undefined, signal, follower);
  const blob = await fromCheckedTar(layer, write, signal);
  const written = { ...blob, form: kind };
  remember(path, written);
  return written;
}

/** Notes that a blob of the store is a layer as somebody else compressed it, so that it need not be made. */
export function rememberFetched(root: string, diffId: DiffId, layer: CompressedLayer): void {
  remember(notePath(root, diffId, FETCHED), layer);
}

function compressBlocks(
  tar: AsyncIterable<Block>,
  compression: Exclude<Compression, { kind: 'uncompressed' }>,
  signal: AbortSignal,
): AsyncIterable<Uint8Array> {
  return compression.kind === 'gzip'
    ? gzipBlocks(tar, compression, signal)
    : zstdStream(bytesOf(tar), compression, signal);
}

function notePath(root: string, diffId: DiffId, how: string): string {
  return join(root, ...NOTES, `${hexOf(diffId)}-${how}`);
}

function remember(path: string, { digest, size, form }: CompressedLayer): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  // Notes without a form are of gzip, as all were at first.
  replaceFile(path, form === 'gzip' ? `${digest} ${size}` : `${digest} ${size} ${form}`);
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
  return fromCheckedTar(layer, (tar) => blobs.write(bytesOf(tar), undefined, signal), signal);
}

/** What `write` makes of the tar of a layer. It is begun once more when another thread could not read it. */
async function fromCheckedTar(
  layer: LayerSource,
  write: (tar: AsyncIterable<Block>) => Promise<WrittenBlob>,
  signal: AbortSignal,
): Promise<WrittenBlob> {
  const aside = layer.openAside?.();
  try {
    if (aside !== undefined) return await write(aside);
  } catch (error) {
    if (!(error instanceof TarAsideFailure)) throw error;
  }
  return write(blocksOf(checked(layer, signal), GZIP_BLOCK_BYTES));
}

/** What a record says, when the blob is still there. A record that is torn counts as none. */
function remembered(path: string, blobs: BlobStore): CompressedLayer | undefined {
  const text = readFileCapped(path, MAX_RECORD_BYTES)?.toString('latin1') ?? '';
  const [digestText = '', sizeText = '', form = 'gzip'] = text.split(' ');
  const digest = parseDigest(digestText);
  const size = Number(sizeText);
  if (digest === undefined || blobs.sizeOf(digest) !== size) return undefined;
  if (form !== 'gzip' && form !== 'zstd' && form !== 'uncompressed') return undefined;
  return { digest, size, form };
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
