import {
  constants,
  copyFileSync,
  fchownSync,
  lchownSync,
  readFileSync,
  symlinkSync,
  chmodSync,
} from 'node:fs';
import { fsPath, type BytePath } from '../core/bytes.ts';
import { hasCode, mkfifo, mknod, NODE_TYPE, utimesNs } from '../host/sys.ts';
import { lgetxattr, llistxattr, lsetxattr } from '../host/xattr.ts';
import type { TreeNode } from '../tree/file-tree.ts';
import { readLink } from '../tree/node.ts';
import { isLayerMark } from './opaque.ts';

/** Copies what is no directory and no socket from a lower layer to `hostPath`, metadata included. */
export function copyFileUp(node: TreeNode, hostPath: BytePath): void {
  switch (node.type) {
    case 'file':
      copyFileSync(fsPath(node.hostPath), fsPath(hostPath), COPY_FLAGS);
      break;
    case 'symlink':
      symlinkSync(fsPath(readLink(node)), fsPath(hostPath));
      break;
    case 'fifo':
      mkfifo(hostPath, 0o600);
      break;
    case 'char-device':
      mknod(hostPath, NODE_TYPE.charDevice | 0o600, node.rdev);
      break;
    case 'block-device':
      mknod(hostPath, NODE_TYPE.blockDevice | 0o600, node.rdev);
      break;
    case 'directory':
    case 'socket':
      throw new TypeError(`A ${node.type} is not copied up`);
    default:
      node.type satisfies never;
  }
  copyMetadata(node, hostPath);
}

/** Shares the bytes where the file system can, and never writes to what is there. */
const COPY_FLAGS = constants.COPYFILE_EXCL | constants.COPYFILE_FICLONE;

/** Gives `hostPath` the owner, mode, attributes and times of a node of a lower layer. */
export function copyMetadata(node: TreeNode, hostPath: BytePath): void {
  setOwner(hostPath, node.uid, node.gid);
  if (node.type !== 'symlink') chmodSync(fsPath(hostPath), node.mode);
  for (const name of llistxattr(node.hostPath)) {
    if (isLayerMark(name)) continue;
    const value = lgetxattr(node.hostPath, name);
    if (value !== undefined) setXattr(hostPath, name, value);
  }
  utimesNs(hostPath, node.mtimeNs, node.mtimeNs);
}

/** Changes the owner of a path, itself when it is a link, or of an open file; where this user has a single id, ids that cannot be had stay as they are. */
export function setOwner(file: BytePath | number, uid: number, gid: number): void {
  try {
    if (typeof file === 'number') fchownSync(file, uid, gid);
    else lchownSync(fsPath(file), uid, gid);
  } catch (error) {
    if (!(hasCode(error, 'EINVAL', 'EPERM') && idMap().isSingle)) throw error;
  }
}

/** Sets an attribute; those that this file system or user namespace does not allow are left out. */
export function setXattr(hostPath: BytePath, name: string, value: Buffer): void {
  try {
    lsetxattr(hostPath, name, value);
  } catch (error) {
    if (hasCode(error, 'ENOTSUP')) return;
    if (hasCode(error, 'EPERM') && (idMap().isNamespace || name.startsWith('user.'))) return;
    throw error;
  }
}

interface IdMap {
  /** This process is in a user namespace. */
  readonly isNamespace: boolean;
  /** It has one id only. */
  readonly isSingle: boolean;
}

let known: IdMap | undefined;

/** Which ids this process can give to files (user_namespaces(7)). */
export function idMap(): IdMap {
  known ??= readIdMap();
  return known;
}

function readIdMap(): IdMap {
  const lines = readFileSync('/proc/self/uid_map', 'utf8').trim().split('\n');
  const [, , count = ''] = (lines[0] ?? '').trim().split(/\s+/);
  return {
    isNamespace: count !== '4294967295',
    isSingle: lines.length === 1 && count === '1',
  };
}
