import { loadNativeLibrary } from './ffi.ts';

/** The names that distributions give to the library. */
const NAMES = ['libzstd.so.1', 'libzstd.so'];
/** zstd.h, ZSTD_COMPRESSBOUND: a block never gets larger than this part of itself, and some bytes. */
const BOUND_SHIFT = 8;
const BOUND_EXTRA_BYTES = 128 * 1024;

/** Compresses bytes as one frame, on a thread of Node's pool. */
export type CompressFrame = (bytes: Buffer, level: number) => Promise<Buffer>;

let opened: { readonly compress: CompressFrame | undefined } | undefined;

/** The compressor of this host's libzstd; undefined where that is not installed. */
export function openZstdLibrary(): CompressFrame | undefined {
  opened ??= { compress: load() };
  return opened.compress;
}

function load(): CompressFrame | undefined {
  const library = loadNativeLibrary(NAMES);
  if (library === undefined) return undefined;
  const call = library.func('ZSTD_compress', 'ulong', [
    'void *',
    'ulong',
    'void *',
    'ulong',
    'int',
  ]);
  return (bytes, level) =>
    new Promise((resolve, reject) => {
      const bound = bytes.length + (bytes.length >> BOUND_SHIFT) + BOUND_EXTRA_BYTES;
      const output = Buffer.allocUnsafe(bound);
      call.async(output, bound, bytes, bytes.length, level, (error, size) => {
        // Errors are numbers below zero, seen as very large ones (ZSTD_isError).
        if (error !== null) reject(error);
        else if (size > bound) reject(new Error('libzstd refused to compress'));
        else resolve(output.subarray(0, size));
      });
    });
}
