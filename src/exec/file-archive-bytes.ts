import { closeSync, constants, existsSync, openSync, readSync } from 'node:fs';
import { fsPath, type BytePath } from '../core/bytes.ts';
import { bounded, decompress, withStart, type SizeLimits } from '../layer/decompress.ts';
import { DEFAULT_UNPACK_LIMITS } from '../layer/unpack-limits.ts';
import { contextChanged } from '../tree/errors.ts';
import type { TreeNode } from '../tree/file-tree.ts';
import { archiveTooLarge, noDecompressor } from './file-errors.ts';

const CHUNK_BYTES = 1 << 18;

/** What only a program of this host can decompress: first bytes, and the program's name. */
const BY_PROGRAM = [
  { magic: Buffer.from('BZh'), name: 'bzip2' },
  { magic: Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]), name: 'xz' },
] as const;
const GZIP_MAGIC = Buffer.from([0x1f, 0x8b]);
const ZSTD_MAGIC = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);
/** The longest of them. */
const MAGIC_BYTES = 6;
/** Where `ustar` stands in a header of a tar archive. */
const TAR_MAGIC_OFFSET = 257;

/** Bytes that `looksLikeArchive` wants to see. */
export const ARCHIVE_START_BYTES = 512;

const PROGRAM_DIRS = ['/usr/bin', '/bin', '/usr/local/bin'] as const;

/**
 * The bytes of an archive without its compression (gzip, bzip2, xz, zstd), which its first bytes tell.
 *
 * @throws BuildError ARCHIVE_TOOL_MISSING when a program for it is not installed, ARCHIVE_TOO_LARGE,
 * CONTEXT_CHANGED, COMPRESSION_INVALID, FILTER_FAILED
 */
export function plainArchive(
  archive: TreeNode,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  return plainBytes(readFile(archive), archive.path, signal);
}

/** As `plainArchive` for an archive that arrives; `name` is for messages. */
export async function* plainBytes(
  source: AsyncIterable<Uint8Array>,
  name: BytePath,
  signal: AbortSignal,
  limits: SizeLimits = DEFAULT_UNPACK_LIMITS,
): AsyncGenerator<Uint8Array, void> {
  yield* bounded(source, (counted) => openPlain(counted, name, signal), {
    limits,
    tooLarge: (found) => archiveTooLarge(name, found),
  });
}

/** No limits but our own: those of layers have another message. */
const UNBOUNDED = { bytes: Infinity, ratio: Infinity, ratioFromBytes: Infinity };

async function* openPlain(
  source: AsyncIterable<Uint8Array>,
  name: BytePath,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  const [start, bytes] = await withStart(source, MAGIC_BYTES);
  const known = BY_PROGRAM.find(({ magic }) => beginsWith(start, magic));
  if (known !== undefined) {
    const { filterThrough } = await import('../host/filter-program.ts');
    yield* filterThrough([programFor(name, known.name), '-dc'], bytes, signal);
    return;
  }
  if (beginsWith(start, ZSTD_MAGIC) && !('createZstdDecompress' in (await import('node:zlib')))) {
    programFor(name, 'zstd');
  }
  yield* decompress(bytes, signal, UNBOUNDED);
}

/** True for the first bytes of a tar archive, and of anything in a compression that archives come in. */
export function looksLikeArchive(start: Buffer): boolean {
  const magics = [GZIP_MAGIC, ZSTD_MAGIC, ...BY_PROGRAM.map(({ magic }) => magic)];
  const at = start.subarray(TAR_MAGIC_OFFSET, TAR_MAGIC_OFFSET + 5);
  return at.toString('latin1') === 'ustar' || magics.some((magic) => beginsWith(start, magic));
}

function beginsWith(start: Buffer, magic: Buffer): boolean {
  return start.subarray(0, magic.length).equals(magic);
}

function programFor(archive: BytePath, name: string): string {
  const path = PROGRAM_DIRS.map((dir) => `${dir}/${name}`).find((one) => existsSync(one));
  if (path === undefined) throw noDecompressor(archive, name);
  return path;
}

/** The bytes of a file. Decompressors keep what they are given: every chunk is a buffer of its own. */
async function* readFile(node: TreeNode): AsyncGenerator<Uint8Array, void> {
  const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
  const fd = openSync(fsPath(node.hostPath), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    let total = 0;
    for (;;) {
      const buffer = Buffer.allocUnsafeSlow(CHUNK_BYTES);
      const length = readSync(fd, buffer, 0, buffer.length, null);
      if (length === 0) break;
      total += length;
      yield await Promise.resolve(buffer.subarray(0, length));
    }
    if (total !== node.size) throw contextChanged(node.path);
  } finally {
    closeSync(fd);
  }
}
