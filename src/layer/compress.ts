import { blocksOf, inOrder, type Block } from './blocks.ts';

/** Bytes that are compressed apart from the others. Part of the format: it decides the output. */
export const GZIP_BLOCK_BYTES = 1024 * 1024;
/** How far back deflate can refer (RFC 1951). */
const WINDOW_BYTES = 32 * 1024;
/** Taken from the middle of a block to tell whether compressing it is worth the time. */
const PROBE_BYTES = 16 * 1024;
/** A probe that shrinks to more than this part of itself is of files that are compressed already. */
const PROBE_RATIO = 0.97;
/**
 * A probe that shrinks to less than this part of itself is of zeros, or of one line again and again. To
 * search that thoroughly takes four times as long, and spares a few thousandths of it.
 */
const REPETITION_RATIO = 0.05;
/** The highest level that does not look for the longest match at every byte (zlib's deflate_fast). */
const REPETITION_LEVEL = 3;
/** Whoever asks for more wants every byte. */
const ORDINARY_LEVEL = 6;

/** Magic, deflate, no flags, no time, no extra flags, made on Unix (RFC 1952). */
const GZIP_HEADER = Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]);
/** A last block with nothing in it (RFC 1951, 3.2.6). */
const LAST_BLOCK = Buffer.from([3, 0]);

export interface GzipOptions {
  /** 0 (stored) to 9 (smallest). */
  readonly level: number;
}

/**
 * The bytes of `source` as one gzip member without name and time, compressed on several threads. The
 * same bytes and level give the same output, however `source` is cut into chunks and however many
 * threads there are. A chunk of `source` need only be valid until the next one is asked for.
 */
export function gzipStream(
  source: AsyncIterable<Uint8Array>,
  options: GzipOptions,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  return gzipBlocks(blocksOf(source, GZIP_BLOCK_BYTES), options, signal);
}

/**
 * As `gzipStream`, of a stream that is cut into blocks of `GZIP_BLOCK_BYTES` already, but for the last.
 *
 * Blocks are deflated apart, each with the end of the one before as its dictionary, and end at a byte
 * boundary (Z_SYNC_FLUSH), so that they can be strung together. That is how pigz does it.
 */
export async function* gzipBlocks(
  blocks: AsyncIterable<Block>,
  { level }: GzipOptions,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  const zlib = await import('node:zlib');
  let crc = 0;
  let size = 0;
  let window: Buffer | undefined;
  yield GZIP_HEADER;
  const deflated = (block: Buffer): Promise<Buffer> => {
    const before = window;
    crc = zlib.crc32(block, crc);
    size += block.length;
    // A copy: the block may be gone when the next one needs it.
    window = Buffer.from(block.subarray(-WINDOW_BYTES));
    return deflateBlock(zlib, block, before, level);
  };
  yield* inOrder(blocks, deflated, signal);
  yield LAST_BLOCK;
  yield trailer(crc, size);
}

type Zlib = typeof import('node:zlib');

async function deflateBlock(
  zlib: Zlib,
  block: Buffer,
  dictionary: Buffer | undefined,
  level: number,
): Promise<Buffer> {
  const worth = level === 0 ? 0 : await levelWorthwhile(zlib, block, level);
  return deflate(zlib, block, worth, worth === 0 ? undefined : dictionary);
}

/** No more than `level`; 0 for what is compressed already. */
async function levelWorthwhile(zlib: Zlib, block: Buffer, level: number): Promise<number> {
  if (block.length < 4 * PROBE_BYTES) return level;
  const at = Math.floor((block.length - PROBE_BYTES) / 2);
  const probe = await deflate(zlib, block.subarray(at, at + PROBE_BYTES), 1, undefined);
  const ratio = probe.length / PROBE_BYTES;
  if (ratio >= PROBE_RATIO) return 0;
  const isRepetition = ratio < REPETITION_RATIO && level <= ORDINARY_LEVEL;
  return isRepetition ? Math.min(level, REPETITION_LEVEL) : level;
}

function deflate(
  zlib: Zlib,
  bytes: Buffer,
  level: number,
  dictionary: Buffer | undefined,
): Promise<Buffer> {
  const options = {
    level,
    finishFlush: zlib.constants.Z_SYNC_FLUSH,
    chunkSize: Math.max(64, bytes.length + (bytes.length >> 9) + 64),
    ...(dictionary === undefined ? {} : { dictionary }),
  };
  return new Promise((resolve, reject) => {
    zlib.deflateRaw(bytes, options, (error, result) => {
      if (error === null) resolve(result);
      else reject(error);
    });
  });
}

/** CRC-32 and size modulo 2^32, both little-endian. */
function trailer(crc: number, size: number): Buffer {
  const bytes = Buffer.alloc(8);
  bytes.writeUInt32LE(crc, 0);
  bytes.writeUInt32LE(size % 2 ** 32, 4);
  return bytes;
}
