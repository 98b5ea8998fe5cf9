import type { BytePath } from '../core/bytes.ts';
import { SystemError } from '../host/ffi.ts';
import { hasCode } from '../host/sys.ts';
import { lgetxattr, llistxattr, lsetxattr } from '../host/xattr.ts';

/** What marks a directory where attributes of overlayfs cannot be kept: fuse-overlayfs takes them for its own. */
const OWN_OPAQUE_XATTR = 'user.stagecraft.opaque';

/** Overlayfs marks a directory that hides the ones below it; `user.` where there is no privilege. */
const OPAQUE_XATTRS = ['trusted.overlay.opaque', 'user.overlay.opaque', OWN_OPAQUE_XATTR] as const;

/** True for attributes that are marks of a layer, of overlayfs or of ours, and belong to no file. */
export function isLayerMark(name: string): boolean {
  return /^(trusted|user)\.overlay\./.test(name) || name === OWN_OPAQUE_XATTR;
}

const YES = 'y'.charCodeAt(0);

/** True when the host directory hides the directories of the same name below it. */
export function isOpaque(hostPath: BytePath): boolean {
  // Most directories have no attributes at all.
  const names = llistxattr(hostPath);
  return OPAQUE_XATTRS.some((name) => names.includes(name) && isMarked(hostPath, name));
}

/**
 * Marks a directory as one that hides those below it. In a user namespace overlayfs reads `user.`.
 * @throws SystemError ENOTSUP where the file system has no attributes
 */
export function makeOpaque(hostPath: BytePath): void {
  for (const name of OPAQUE_XATTRS) {
    try {
      lsetxattr(hostPath, name, Buffer.from('y'));
    } catch (error) {
      if (!hasCode(error, 'EPERM', 'ENOTSUP')) throw error;
      continue;
    }
    if (isMarked(hostPath, name)) return;
  }
  throw new SystemError('ENOTSUP', 'lsetxattr', hostPath);
}

function isMarked(hostPath: BytePath, name: string): boolean {
  const value = lgetxattr(hostPath, name);
  return value?.length === 1 && value[0] === YES;
}
