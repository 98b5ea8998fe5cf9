import { lstatSync, readlinkSync, type BigIntStats } from 'node:fs';
import { fsPath, type BytePath } from '../core/bytes.ts';
import { hasCode } from '../host/sys.ts';
import { pathTooLong } from './errors.ts';
import type { Inode, NodeType, TreeNode } from './file-tree.ts';

/** Root directory of every tree. */
export const ROOT = '/' as BytePath;

const S_IFMT = 0o170000;
/** Permission bits with setuid, setgid and sticky. */
export const PERMISSIONS = 0o7777;

/**
 * The file at `hostPath` as a node that is at `path` in its tree; its last link is not followed.
 * Undefined when there is none: also for names that no file can have (too long, or with a NUL).
 */
export function readNode(hostPath: BytePath, path: BytePath): TreeNode | undefined {
  const stats = lstat(hostPath);
  return stats === undefined ? undefined : nodeOf(stats, hostPath, path);
}

/** Builds a node from what lstat gave. */
export function nodeOf(stats: BigIntStats, hostPath: BytePath, path: BytePath): TreeNode {
  const mode = Number(stats.mode);
  return {
    path,
    hostPath,
    type: typeOf(mode),
    mode: mode & PERMISSIONS,
    uid: Number(stats.uid),
    gid: Number(stats.gid),
    size: Number(stats.size),
    mtimeNs: stats.mtimeNs,
    ctimeNs: stats.ctimeNs,
    dev: Number(stats.dev),
    ino: inodeOf(stats.ino),
    nlink: Number(stats.nlink),
    rdev: Number(stats.rdev),
  };
}

/** `inode` as nodes have it. */
export function inodeOf(inode: bigint): Inode {
  const number = Number(inode);
  return Number.isSafeInteger(number) ? number : inode;
}

/** Target of a symlink node, as bytes. */
export function readLink(node: TreeNode): BytePath {
  return readlinkSync(fsPath(node.hostPath), { encoding: 'latin1' }) as BytePath;
}

/** `name` below `directory`, both as bytes. */
export function joinPath(directory: BytePath, name: BytePath): BytePath {
  return (directory === '/' ? `/${name}` : `${directory}/${name}`) as BytePath;
}

/** Type bits of `st_mode` (inode(7)). */
const TYPE_BITS: Readonly<Record<NodeType, number>> = {
  directory: 0o040000,
  symlink: 0o120000,
  'char-device': 0o020000,
  'block-device': 0o060000,
  fifo: 0o010000,
  socket: 0o140000,
  file: 0o100000,
};

/** `st_mode` of a node: its type and its permissions. */
export function fullMode({ type, mode }: Pick<TreeNode, 'type' | 'mode'>): number {
  return TYPE_BITS[type] | mode;
}

/** The type that `st_mode` says. */
export function typeOf(mode: number): NodeType {
  switch (mode & S_IFMT) {
    case TYPE_BITS.directory:
      return 'directory';
    case TYPE_BITS.symlink:
      return 'symlink';
    case TYPE_BITS['char-device']:
      return 'char-device';
    case TYPE_BITS['block-device']:
      return 'block-device';
    case TYPE_BITS.fifo:
      return 'fifo';
    case TYPE_BITS.socket:
      return 'socket';
    default:
      return 'file';
  }
}

function lstat(hostPath: BytePath): BigIntStats | undefined {
  try {
    return lstatSync(fsPath(hostPath), { bigint: true, throwIfNoEntry: false });
  } catch (error) {
    // Names are 255 bytes at most, so what was listed and cannot be reached is there all the same.
    if (hasCode(error, 'ENAMETOOLONG') && Buffer.byteLength(hostPath, 'latin1') > MAX_PATH_BYTES) {
      throw pathTooLong(hostPath);
    }
    if (NOT_THERE.has((error as NodeJS.ErrnoException).code ?? '')) return undefined;
    throw error;
  }
}

/** PATH_MAX without the NUL at the end (limits.h). */
const MAX_PATH_BYTES = 4095;

const NOT_THERE = new Set(['ENOENT', 'ENOTDIR', 'ENAMETOOLONG', 'ERR_INVALID_ARG_VALUE']);
