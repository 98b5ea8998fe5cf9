import { chmodSync, lstatSync, readdirSync } from 'node:fs';
import { fsPath, type BytePath } from '../core/bytes.ts';
import { hasCode, mknod, NODE_TYPE, utimesNs } from '../host/sys.ts';
import type { TreeNode } from './file-tree.ts';

/**
 * How a directory of changes notes that a name was removed. Overlayfs takes a character device 0/0 for
 * that. Where nobody may make one, as on overlayfs itself or in a user namespace of an old kernel, no
 * overlay can be mounted either, and a socket of a mode and time that no program gives stands for it: it
 * takes no privilege on any file system, and sockets are in no layer.
 */
const SOCKET_MODE = 0o7000;

/**
 * Devices (`st_dev`) of file systems that take a character device 0/0 for a removed name of their own: what
 * was just made is not there. fuse-overlayfs does, which is the root of many containers.
 */
const hiding = new Set<number>();

/** True for a node that stands for a removed name. */
export function isWhiteout(node: Pick<TreeNode, 'type' | 'rdev' | 'mode' | 'mtimeNs'>): boolean {
  if (node.type === 'char-device') return node.rdev === 0;
  return node.type === 'socket' && node.mode === SOCKET_MODE && node.mtimeNs === 0n;
}

/** Notes at `hostPath`, where nothing is, that the name was removed. */
export function makeWhiteout(hostPath: BytePath): void {
  if (hiding.size > 0 && hiding.has(lstatSync(directoryOf(hostPath)).dev)) {
    makeSocketWhiteout(hostPath);
    return;
  }
  try {
    mknod(hostPath, NODE_TYPE.charDevice, 0);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) noteHiding(directoryOf(hostPath));
    else if (!hasCode(error, 'EPERM', 'ENOTSUP', 'EINVAL')) throw error;
    makeSocketWhiteout(hostPath);
  }
}

/** Lists it, too: before that, fuse-overlayfs lets nobody make another file of the name, nor remove the directory. */
function noteHiding(directory: string | Buffer): void {
  readdirSync(directory, { encoding: 'buffer' });
  hiding.add(lstatSync(directory).dev);
}

function directoryOf(hostPath: BytePath): string | Buffer {
  return fsPath(hostPath.slice(0, hostPath.lastIndexOf('/')) as BytePath);
}

/** The form without privilege. The mode comes second: FUSE takes the bits of another user from what is made. */
function makeSocketWhiteout(hostPath: BytePath): void {
  mknod(hostPath, NODE_TYPE.socket, 0);
  chmodSync(fsPath(hostPath), SOCKET_MODE);
  utimesNs(hostPath, 0n, 0n);
}
