import { existsSync } from 'node:fs';
import type * as nodeZlib from 'node:zlib';
import type { CompressFrame } from '../host/zstd-library.ts';
import { blocksOf, inOrder } from './blocks.ts';
import { noZstd } from './errors.ts';

/** Bytes that become one frame. Part of the format: it decides the output. */
const FRAME_BYTES = 4 * 1024 * 1024;
const PROGRAMS = ['/usr/bin/zstd', '/bin/zstd', '/usr/local/bin/zstd'];

/** How a layer is compressed with zstd. */
export interface ZstdOptions {
  /** 1 (fastest) to 22 (smallest). */
  readonly level: number;
}

/** Where frames are made, in the order that they are looked for. */
export interface ZstdMakers {
  /** Node's own, from 22.15 on. */
  node(): Promise<CompressFrame | undefined>;
  /** The library of this host. */
  library(): Promise<CompressFrame | undefined>;
  /** Path of the program of this host. */
  program(): string | undefined;
}

/**
 * The bytes of `source` as zstd frames, which readers take for one stream (RFC 8878, 3.1). Blocks become
 * frames of their own, so that all cores work on them: the same bytes, level and version of zstd give
 * the same output, however many cores there are. A chunk of `source` need only be valid until the next
 * one is asked for.
 * @throws BuildError ZSTD_UNAVAILABLE, FILTER_FAILED
 */
export async function* zstdStream(
  source: AsyncIterable<Uint8Array>,
  { level }: ZstdOptions,
  signal: AbortSignal,
  makers: ZstdMakers = HOST_MAKERS,
): AsyncGenerator<Uint8Array, void> {
  const compress = (await makers.node()) ?? (await makers.library());
  if (compress !== undefined) {
    const frames = inOrder(
      blocksOf(source, FRAME_BYTES),
      (block) => compress(block, level),
      signal,
    );
    yield* frames;
    return;
  }
  const program = makers.program();
  if (program === undefined) throw noZstd();
  const { filterThrough } = await import('../host/filter-program.ts');
  const ultra = level > 19 ? ['--ultra'] : [];
  const flags = ['-c', '-q', '--single-thread', '--no-check', ...ultra, `-${String(level)}`];
  yield* filterThrough([program, ...flags], source, signal);
}

/** What this host has. */
const HOST_MAKERS: ZstdMakers = {
  async node() {
    const zlib: object = await import('node:zlib');
    return hasZstd(zlib) ? nodeCompressor(zlib) : undefined;
  },
  async library() {
    const { openZstdLibrary } = await import('../host/zstd-library.ts');
    return openZstdLibrary();
  },
  program: () => PROGRAMS.find((path) => existsSync(path)),
};

/** What Node 22.15 added to zlib, as far as it is used here. */
interface NodeZstd {
  zstdCompress(
    bytes: Buffer,
    options: { readonly params: Readonly<Record<number, number>> },
    done: (error: Error | null, result: Buffer) => void,
  ): void;
  readonly constants: typeof nodeZlib.constants & { readonly ZSTD_c_compressionLevel: number };
}

function hasZstd(zlib: object): zlib is NodeZstd {
  return 'zstdCompress' in zlib && typeof zlib.zstdCompress === 'function';
}

function nodeCompressor(zlib: NodeZstd): CompressFrame {
  return (bytes, level) =>
    new Promise((resolve, reject) => {
      const params = { [zlib.constants.ZSTD_c_compressionLevel]: level };
      zlib.zstdCompress(bytes, { params }, (error, result) => {
        if (error === null) resolve(result);
        else reject(error);
      });
    });
}
