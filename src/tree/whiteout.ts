import type { BytePath } from '../core/bytes.ts';
import { hasCode, mknod, NODE_TYPE, utimesNs } from '../host/sys.ts';
import type { TreeNode } from './file-tree.ts';

/**
 * How a directory of changes notes that a name was removed. Overlayfs takes a character device 0/0 for
 * that. Where nobody may make one, as on overlayfs itself or in a user namespace of an old kernel, no
 * overlay can be mounted either, and a socket of a mode and time that no program gives stands for it: it
 * takes no privilege on any file system, and sockets are in no layer.
 */
const SOCKET_MODE = 0o7000;

/** True for a node that stands for a removed name. */
export function isWhiteout(node: Pick<TreeNode, 'type' | 'rdev' | 'mode' | 'mtimeNs'>): boolean {
  if (node.type === 'char-device') return node.rdev === 0;
  return node.type === 'socket' && node.mode === SOCKET_MODE && node.mtimeNs === 0n;
}

/** Notes at `hostPath`, where nothing is, that the name was removed. */
export function makeWhiteout(hostPath: BytePath): void {
  try {
    mknod(hostPath, NODE_TYPE.charDevice, 0);
  } catch (error) {
    if (!hasCode(error, 'EPERM', 'ENOTSUP', 'EINVAL')) throw error;
    makeSocketWhiteout(hostPath);
  }
}

/** The form without privilege. */
function makeSocketWhiteout(hostPath: BytePath): void {
  const umask = process.umask(0);
  try {
    mknod(hostPath, NODE_TYPE.socket | SOCKET_MODE, 0);
  } finally {
    process.umask(umask);
  }
  utimesNs(hostPath, 0n, 0n);
}
