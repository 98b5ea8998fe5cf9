import { chmodSync, fchmodSync, fchownSync, fstatSync, lchownSync } from 'node:fs';
import { fsPath, type BytePath } from '../core/bytes.ts';
import { futimesNs, hasCode, utimesNs } from '../host/sys.ts';
import { hasXattrs, lgetxattr, llistxattr, lsetxattr } from '../host/xattr.ts';
import type { TreeNode } from '../tree/file-tree.ts';
import { isLayerMark } from '../tree/opaque.ts';
import { readXattrs } from '../tree/xattrs.ts';
import { ownerNotMapped } from './file-errors.ts';
import type { OwnerIds } from './file-owner.ts';

/** Owner and mode that a file is to have. */
export interface Permissions extends OwnerIds {
  readonly mode: number;
}

/**
 * Gives a file its owner, mode, attributes and times, in the order that keeps all of them: a change of
 * owner clears set-id bits and file capabilities. Does not follow a symlink, which keeps its mode.
 *
 * @throws BuildError OWNER_NOT_MAPPED; `path` is the one to name in it
 */
export function setMetadata(
  hostPath: BytePath,
  path: BytePath,
  wanted: Permissions,
  from: Pick<TreeNode, 'type' | 'hostPath' | 'mtimeNs'>,
): void {
  setOwner(hostPath, path, wanted);
  if (from.type !== 'symlink') chmodSync(fsPath(hostPath), wanted.mode);
  if (from.type === 'file' || from.type === 'directory') copyXattrs(from.hostPath, hostPath);
  setTime(hostPath, from.mtimeNs);
}

/** Two open regular files, and where they are. */
export interface OpenPair {
  readonly from: number;
  readonly fromHostPath: BytePath;
  readonly to: number;
  readonly toHostPath: BytePath;
}

/** What a copy is like that got its metadata. */
export interface MadeCopy {
  readonly inode: number;
  /** Its source has attributes. */
  readonly hasXattrs: boolean;
}

/**
 * Does what `setMetadata` does for a copy that is still open: the system need not find it again and
 * again, and what it has already is not set. @throws BuildError OWNER_NOT_MAPPED
 */
export function setOpenMetadata(
  { from, fromHostPath, to, toHostPath }: OpenPair,
  path: BytePath,
  wanted: Permissions,
  mtimeNs: bigint,
): MadeCopy {
  const { ino: inode, uid, gid, mode } = fstatSync(to);
  const isOwned = uid === wanted.uid && gid === wanted.gid;
  if (!isOwned) setOwner(to, path, wanted);
  if (!isOwned || (mode & PERMISSIONS) !== wanted.mode) fchmodSync(to, wanted.mode);
  const isRich = hasXattrs(from);
  if (isRich) copyXattrs(fromHostPath, toHostPath);
  futimesNs(to, mtimeNs, mtimeNs);
  return { inode, hasXattrs: isRich };
}

const PERMISSIONS = 0o7777;

/** Changes the owner of a path, itself when it is a link, or of an open file. @throws BuildError OWNER_NOT_MAPPED */
export function setOwner(file: BytePath | number, path: BytePath, owner: OwnerIds): void {
  try {
    if (typeof file === 'number') fchownSync(file, owner.uid, owner.gid);
    else lchownSync(fsPath(file), owner.uid, owner.gid);
  } catch (error) {
    if (hasCode(error, 'EINVAL', 'EPERM')) {
      throw ownerNotMapped(path, `${owner.uid}:${owner.gid}`, error);
    }
    throw error;
  }
}

/** chmod, free of the umask. Not for symlinks, which it would follow. */
export function setMode(hostPath: BytePath, mode: number): void {
  chmodSync(fsPath(hostPath), mode);
}

/** Sets the modification time; the access time gets the same, as layers do not keep it. */
export function setTime(hostPath: BytePath, mtimeNs: bigint): void {
  utimesNs(hostPath, mtimeNs, mtimeNs);
}

/** Copies the attributes that belong to a file's content. */
function copyXattrs(from: BytePath, to: BytePath): void {
  for (const { name, value } of readXattrs(from)) setXattr(to, name, value);
}

/**
 * Makes a directory that was copied up look like the one below it, with all of its attributes except
 * marks of its layer, as overlayfs does itself.
 */
export function copyUpMetadata(hostPath: BytePath, from: TreeNode): void {
  setOwner(hostPath, from.path, from);
  chmodSync(fsPath(hostPath), from.mode);
  for (const name of llistxattr(from.hostPath)) {
    if (isLayerMark(name)) continue;
    const value = lgetxattr(from.hostPath, name);
    if (value !== undefined) setXattr(hostPath, name, value);
  }
  setTime(hostPath, from.mtimeNs);
}

/** Like BuildKit and overlayfs, goes on without an attribute that cannot be set here. */
export function setXattr(hostPath: BytePath, name: string, value: Buffer): void {
  try {
    lsetxattr(hostPath, name, value);
  } catch (error) {
    if (!hasCode(error, 'ENOTSUP', 'EPERM', 'EACCES', 'EINVAL')) throw error;
  }
}
