import { createHash } from 'node:crypto';
import { createBreather } from '../core/breathe.ts';
import type { DiffId } from '../core/digest.ts';
import { finishDiffId } from '../core/sha256.ts';
import type { FileTree } from '../tree/file-tree.ts';
import { decompress } from './decompress.ts';
import { layerTooLarge, wrongDiffId } from './errors.ts';
import { LayerUnpacker } from './layer-unpacker.ts';
import { readTar } from './tar-read.ts';
import { DEFAULT_UNPACK_LIMITS, type UnpackLimits } from './unpack-limits.ts';

/** What a layer is unpacked onto and checked against. */
export interface UnpackOptions {
  /** The layers below, merged; undefined for the first one. */
  readonly lower: FileTree | undefined;
  /** Undefined when nobody has promised one. */
  readonly expectedDiffId: DiffId | undefined;
  /** `DEFAULT_UNPACK_LIMITS` where left out. */
  readonly limits?: Partial<UnpackLimits> | undefined;
}

/** What a layer turned out to be. */
export interface UnpackedLayer {
  readonly diffId: DiffId;
  /** Bytes of the uncompressed tar. */
  readonly size: number;
  /** Bytes of files. */
  readonly bytes: number;
  readonly entries: number;
}

/**
 * Unpacks a layer, compressed or not, into an empty directory in overlay upper form. Entries come from
 * strangers: whatever they name, nothing outside the directory is made, changed or followed. Absolute
 * and upward links are kept as they are; they are just never followed out of the root.
 * @throws BuildError TAR_INVALID, LAYER_ENTRY_REFUSED, LAYER_TOO_LARGE, COMPRESSION_INVALID,
 * DIFF_ID_MISMATCH. The directory is then half-filled and to be thrown away.
 */
export async function unpackLayer(
  stream: AsyncIterable<Uint8Array>,
  dir: string,
  options: UnpackOptions,
  signal: AbortSignal,
): Promise<UnpackedLayer> {
  const { lower, expectedDiffId } = options;
  const limits = { ...DEFAULT_UNPACK_LIMITS, ...options.limits };
  const hash = createHash('sha256');
  const counts = { size: 0, bytes: 0, entries: 0 };
  async function* measured(): AsyncGenerator<Uint8Array, void> {
    for await (const chunk of decompress(stream, signal, limits)) {
      hash.update(chunk);
      counts.size += chunk.length;
      yield chunk;
    }
  }
  const unpacker = new LayerUnpacker(dir, lower, limits);
  const breather = createBreather(signal);
  for await (const read of readTar(measured())) {
    signal.throwIfAborted();
    counts.entries++;
    await unpacker.add(read);
    counts.bytes += read.entry.size;
    if (counts.entries + unpacker.madeCount > limits.entries) {
      throw layerTooLarge(`it has more than ${String(limits.entries)} files`);
    }
    if (breather.isDue()) await breather.breathe();
  }
  unpacker.finish();
  const diffId = finishDiffId(hash);
  if (expectedDiffId !== undefined && diffId !== expectedDiffId) {
    throw wrongDiffId(expectedDiffId, diffId);
  }
  return { diffId, ...counts };
}
