import { closeSync, constants, existsSync, openSync, readSync } from 'node:fs';
import { fsPath } from '../core/bytes.ts';
import { decompress } from '../layer/decompress.ts';
import { contextChanged } from '../tree/errors.ts';
import type { TreeNode } from '../tree/file-tree.ts';
import { noDecompressor } from './file-errors.ts';

const CHUNK_BYTES = 1 << 18;

/** What only a program of this host can decompress: first bytes, and the program's name. */
const BY_PROGRAM = [
  { magic: Buffer.from('BZh'), name: 'bzip2' },
  { magic: Buffer.from([0xfd, 0x37, 0x7a, 0x58, 0x5a, 0x00]), name: 'xz' },
] as const;
const ZSTD_MAGIC = Buffer.from([0x28, 0xb5, 0x2f, 0xfd]);

const PROGRAM_DIRS = ['/usr/bin', '/bin', '/usr/local/bin'] as const;

/**
 * The bytes of an archive without its compression (gzip, bzip2, xz, zstd), which its first bytes tell.
 *
 * @throws BuildError ARCHIVE_TOOL_MISSING when a program for it is not installed, CONTEXT_CHANGED,
 * COMPRESSION_INVALID, FILTER_FAILED
 */
export async function* plainArchive(
  archive: TreeNode,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array, void> {
  const start = readStart(archive);
  const isOf = (magic: Buffer): boolean => start.subarray(0, magic.length).equals(magic);
  const known = BY_PROGRAM.find(({ magic }) => isOf(magic));
  if (known !== undefined) {
    const { filterThrough } = await import('../host/filter-program.ts');
    yield* filterThrough([programFor(archive, known.name), '-dc'], readFile(archive), signal);
    return;
  }
  if (isOf(ZSTD_MAGIC) && !('createZstdDecompress' in (await import('node:zlib')))) {
    programFor(archive, 'zstd');
  }
  yield* decompress(readFile(archive), signal);
}

function programFor(archive: TreeNode, name: string): string {
  const path = PROGRAM_DIRS.map((dir) => `${dir}/${name}`).find((one) => existsSync(one));
  if (path === undefined) throw noDecompressor(archive.path, name);
  return path;
}

function open(node: TreeNode): number {
  const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;
  return openSync(fsPath(node.hostPath), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
}

function readStart(node: TreeNode): Buffer {
  const buffer = Buffer.alloc(8);
  const fd = open(node);
  try {
    return buffer.subarray(0, readSync(fd, buffer, 0, buffer.length, 0));
  } finally {
    closeSync(fd);
  }
}

/** The bytes of a file. Decompressors keep what they are given: every chunk is a buffer of its own. */
async function* readFile(node: TreeNode): AsyncGenerator<Uint8Array, void> {
  const fd = open(node);
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
