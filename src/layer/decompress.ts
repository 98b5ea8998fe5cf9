import { existsSync } from 'node:fs';
import type { Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { badCompression, layerTooLarge } from './errors.ts';
import { DEFAULT_UNPACK_LIMITS, type UnpackLimits } from './unpack-limits.ts';

const OUTPUT_CHUNK_BYTES = 256 * 1024;
/** So much is made ahead: with less, the thread that inflates and the one that takes it wait in turn. */
const AHEAD_BYTES = 2 * 1024 * 1024;
const GUNZIP = {
  chunkSize: OUTPUT_CHUNK_BYTES,
  readableHighWaterMark: AHEAD_BYTES,
  writableHighWaterMark: OUTPUT_CHUNK_BYTES,
} as const;
const MAGIC_BYTES = 4;

/**
 * The uncompressed bytes of a layer. What it is compressed with is told by its first bytes, not by its
 * media type: registries hold layers that are called gzip and are not.
 * @throws BuildError COMPRESSION_INVALID, LAYER_TOO_LARGE
 */
export async function* decompress(
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
  limits: SizeLimits = DEFAULT_UNPACK_LIMITS,
): AsyncGenerator<Uint8Array, void> {
  yield* bounded(source, (counted) => openPlain(counted, signal), {
    limits,
    tooLarge: layerTooLarge,
  });
}

/** Limits of bytes alone. */
export type SizeLimits = Pick<UnpackLimits, 'bytes' | 'ratio' | 'ratioFromBytes'>;

/**
 * The bytes that `open` makes of `source`, as long as they stay within limits.
 * @throws what `tooLarge` makes of the reason
 */
export async function* bounded(
  source: AsyncIterable<Uint8Array>,
  open: (
    source: AsyncIterable<Uint8Array>,
  ) => Promise<AsyncIterable<Uint8Array>> | AsyncIterable<Uint8Array>,
  bounds: { readonly limits: SizeLimits; readonly tooLarge: (found: string) => Error },
): AsyncGenerator<Uint8Array, void> {
  const counts = { read: 0, written: 0 };
  for await (const chunk of await open(counted(source, counts))) {
    counts.written += chunk.length;
    const found = excess(counts, bounds.limits);
    if (found !== undefined) throw bounds.tooLarge(found);
    yield chunk;
  }
}

async function openPlain(
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  const [start, rest] = await withStart(source, MAGIC_BYTES);
  if (start[0] === 0x1f && start[1] === 0x8b) {
    const { createGunzip } = await import('node:zlib');
    return through(createGunzip(GUNZIP), rest, signal);
  }
  if (start.readUInt32LE(0) === 0xfd2fb528) return zstd(rest, signal);
  return rest;
}

async function zstd(
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<AsyncIterable<Uint8Array>> {
  const zlib: object = await import('node:zlib');
  // Node has it from 22.15 on.
  if ('createZstdDecompress' in zlib && typeof zlib.createZstdDecompress === 'function') {
    return through((zlib.createZstdDecompress as () => Transform)(), source, signal);
  }
  const program = ['/usr/bin/zstd', '/bin/zstd', '/usr/local/bin/zstd'].find((path) =>
    existsSync(path),
  );
  if (program === undefined) {
    throw badCompression('it is compressed with zstd', 'Install zstd, or use Node 22.15 or newer');
  }
  const { filterThrough } = await import('../host/filter-program.ts');
  return filterThrough([program, '-d', '-c', '-q'], source, signal);
}

async function* through(
  transform: Transform,
  source: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  const done = pipeline(source, transform, { signal });
  // A failure also ends the iteration below, which is where it is reported.
  done.catch(() => undefined);
  try {
    for await (const chunk of transform as AsyncIterable<Uint8Array>) yield chunk;
    await done;
  } catch (error) {
    signal.throwIfAborted();
    throw isZlibError(error) ? badCompression(error.message, undefined) : error;
  } finally {
    transform.destroy();
  }
}

function isZlibError(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && String(error.code).startsWith('Z_');
}

/** The first `length` bytes or more (zeros where there are fewer), and the whole stream. */
export async function withStart(
  source: AsyncIterable<Uint8Array>,
  length: number,
): Promise<[Buffer, AsyncIterable<Uint8Array>]> {
  const iterator = source[Symbol.asyncIterator]();
  const chunks: Buffer[] = [];
  let held = 0;
  while (held < length) {
    const result: IteratorResult<Uint8Array, unknown> = await iterator.next();
    if (result.done === true) break;
    chunks.push(Buffer.from(result.value));
    held += result.value.length;
  }
  const head = Buffer.concat(chunks);
  async function* whole(): AsyncGenerator<Uint8Array, void> {
    try {
      if (head.length > 0) yield head;
      for (;;) {
        const result: IteratorResult<Uint8Array, unknown> = await iterator.next();
        if (result.done === true) return;
        yield result.value;
      }
    } finally {
      await iterator.return?.();
    }
  }
  return [Buffer.concat([head, Buffer.alloc(length)]), whole()];
}

interface Counts {
  read: number;
  written: number;
}

async function* counted(
  source: AsyncIterable<Uint8Array>,
  counts: Counts,
): AsyncGenerator<Uint8Array, void> {
  for await (const chunk of source) {
    counts.read += chunk.length;
    yield chunk;
  }
}

function excess({ read, written }: Counts, limits: SizeLimits): string | undefined {
  const { bytes, ratio, ratioFromBytes } = limits;
  if (written > bytes) return `it has more than ${String(bytes)} bytes`;
  if (read < ratioFromBytes || written <= read * ratio) return undefined;
  return `${String(read)} compressed bytes became ${String(written)}`;
}
