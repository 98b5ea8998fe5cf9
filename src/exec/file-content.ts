import {
  closeSync,
  constants,
  fstatSync,
  ftruncateSync,
  linkSync,
  openSync,
  readSync,
  symlinkSync,
  writeSync,
  type BigIntStats,
} from 'node:fs';
import { fsPath, type BytePath } from '../core/bytes.ts';
import { copyFileRange, ficlone, hasCode, mkfifo, mknod, NODE_TYPE } from '../host/sys.ts';
import { contextChanged } from '../tree/errors.ts';
import type { FileLocation, TreeNode } from '../tree/file-tree.ts';
import { readLink } from '../tree/node.ts';
import { openContent } from '../tree/open-content.ts';
import { deviceNotPermitted } from './file-errors.ts';

const PRIVATE_FILE = 0o600;
const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;

/** Smaller files are read and written in one go, which is as quick as the kernel's own copy. */
const KERNEL_COPY_MIN_BYTES = 1 << 20;

const BUFFER_BYTES = 1 << 20;
/** Unit of `stat.blocks` (stat(2)). */
const BLOCK_BYTES = 512;
/** Holes of a file are looked for in pieces of this size. */
const HOLE_BYTES = 64 * 1024;
let buffer: Buffer | undefined;

/** Pairs of file systems that cannot share blocks; asking again for each file would cost a call. */
const withoutReflink = new Set<string>();

/**
 * Makes a file like `node` at `hostPath`, where nothing is. Owner, mode, attributes and times are left
 * to the caller. A socket becomes an empty file, as in BuildKit: no layer can hold one.
 *
 * @throws BuildError CONTEXT_CHANGED, FILE_UNREADABLE, DEVICE_NOT_PERMITTED
 */
export function createLike(node: TreeNode, hostPath: BytePath): void {
  switch (node.type) {
    case 'file':
      copyFile(node, hostPath);
      return;
    case 'symlink':
      symlinkSync(fsPath(readLink(node)), fsPath(hostPath));
      return;
    case 'char-device':
    case 'block-device':
      createDevice(node, hostPath);
      return;
    case 'fifo':
      mkfifo(hostPath, 0o600);
      return;
    case 'socket':
      closeSync(openNew(hostPath, PRIVATE_FILE));
      return;
    case 'directory':
      throw new TypeError('A directory is not one file');
    default:
      node.type satisfies never;
  }
}

/**
 * Gives a file a second name. False when the file system will not: too many names (EMLINK), another
 * file system, or a rule against it; then it has to be copied.
 */
export function tryLink(from: BytePath, to: BytePath): boolean {
  try {
    linkSync(fsPath(from), fsPath(to));
    return true;
  } catch (error) {
    if (hasCode(error, 'EMLINK', 'EXDEV', 'EPERM', 'EACCES', 'ENOTSUP', 'EOPNOTSUPP')) return false;
    throw error;
  }
}

function createDevice(node: TreeNode, hostPath: BytePath): void {
  const type = node.type === 'char-device' ? NODE_TYPE.charDevice : NODE_TYPE.blockDevice;
  if (node.type === 'char-device' && node.rdev === 0) {
    // Overlayfs refuses it as well: it would remove what is below it.
    throw deviceNotPermitted(node.path, 'number 0, 0 stands for a removed file');
  }
  try {
    mknod(hostPath, type | 0o600, node.rdev);
  } catch (error) {
    if (!hasCode(error, 'EPERM')) throw error;
    throw deviceNotPermitted(node.path, 'operation not permitted');
  }
}

/** Both ends of a copy, for as long as they are open. */
export interface OpenCopy {
  readonly from: number;
  readonly to: number;
  /** What the source was like before it was read. */
  readonly before: BigIntStats;
}

/**
 * Copies a regular file to `hostPath`, where nothing is, and calls `finish` before the two are closed. The
 * new file has `mode` without what the umask takes away.
 *
 * @throws BuildError CONTEXT_CHANGED, FILE_UNREADABLE
 */
export function copyFile(
  node: FileLocation,
  hostPath: BytePath,
  finish?: (copy: OpenCopy) => void,
  mode: number = PRIVATE_FILE,
): void {
  const from = openContent(node);
  try {
    const before = fstatSync(from, { bigint: true });
    if (!before.isFile()) throw contextChanged(node.path);
    const to = openNew(hostPath, mode);
    try {
      const size = Number(before.size);
      const hasHoles = Number(before.blocks) * BLOCK_BYTES < size;
      copyContent({ from, to, size, devices: `${before.dev}`, hasHoles });
      finish?.({ from, to, before });
    } finally {
      closeSync(to);
    }
  } finally {
    closeSync(from);
  }
}

function openNew(hostPath: BytePath, mode: number): number {
  return openSync(fsPath(hostPath), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, mode);
}

interface Copying {
  readonly from: number;
  readonly to: number;
  readonly size: number;
  readonly devices: string;
  readonly hasHoles: boolean;
}

function copyContent(copying: Copying): void {
  if (copying.size === 0 || shareBlocks(copying)) return;
  if (copying.hasHoles) {
    copyWithHoles(copying);
    return;
  }
  let done = copying.size < KERNEL_COPY_MIN_BYTES ? 0 : copyInKernel(copying);
  buffer ??= Buffer.allocUnsafeSlow(BUFFER_BYTES);
  while (done < copying.size) {
    const length = readSync(copying.from, buffer, 0, buffer.length, null);
    if (length === 0) return;
    for (let at = 0; at < length;) at += writeSync(copying.to, buffer, at, length - at);
    done += length;
  }
}

/** Leaves out pieces of nothing but zeros: reading a hole costs little, and writing it takes room. */
function copyWithHoles({ from, to, size }: Copying): void {
  buffer ??= Buffer.allocUnsafeSlow(BUFFER_BYTES);
  const zeros = Buffer.alloc(HOLE_BYTES);
  let done = 0;
  while (done < size) {
    const length = readSync(from, buffer, 0, buffer.length, null);
    if (length === 0) break;
    for (let start = 0; start < length; start += HOLE_BYTES) {
      const end = Math.min(start + HOLE_BYTES, length);
      if (buffer.subarray(start, end).equals(zeros.subarray(0, end - start))) continue;
      for (let at = start; at < end;) at += writeSync(to, buffer, at, end - at, done + at);
    }
    done += length;
  }
  ftruncateSync(to, done);
}

function shareBlocks({ from, to, devices }: Copying): boolean {
  const pair = devices;
  if (withoutReflink.has(pair)) return false;
  try {
    ficlone(from, to);
    return true;
  } catch (error) {
    // The same answer will come for every file of this source.
    if (hasCode(error, 'ENOTSUP', 'EXDEV', 'ENOTTY', 'ENOSYS')) withoutReflink.add(pair);
    return false;
  }
}

/** Returns how many bytes were copied; both files stand behind them. */
function copyInKernel({ from, to, size }: Copying): number {
  let done = 0;
  try {
    while (done < size) {
      const copied = copyFileRange(from, to, size - done);
      if (copied === 0) break;
      done += copied;
    }
  } catch (error) {
    if (!hasCode(error, 'EXDEV', 'EINVAL', 'ENOTSUP', 'ENOSYS', 'EPERM', 'EIO')) throw error;
  }
  return done;
}
