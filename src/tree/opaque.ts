import type { BytePath } from '../core/bytes.ts';
import { hasCode } from '../host/sys.ts';
import { lgetxattr, lsetxattr } from '../host/xattr.ts';

/** Overlayfs marks a directory that hides the ones below it; `user.` where there is no privilege. */
const OPAQUE_XATTRS = ['trusted.overlay.opaque', 'user.overlay.opaque'] as const;

const YES = 'y'.charCodeAt(0);

/** True when the host directory hides the directories of the same name below it. */
export function isOpaque(hostPath: BytePath): boolean {
  return OPAQUE_XATTRS.some((name) => {
    const value = lgetxattr(hostPath, name);
    return value?.length === 1 && value[0] === YES;
  });
}

/** Marks a directory as one that hides those below it. In a user namespace overlayfs reads `user.`. */
export function makeOpaque(hostPath: BytePath): void {
  const [privileged, unprivileged] = OPAQUE_XATTRS;
  try {
    lsetxattr(hostPath, privileged, Buffer.from('y'));
  } catch (error) {
    if (!hasCode(error, 'EPERM', 'ENOTSUP')) throw error;
    lsetxattr(hostPath, unprivileged, Buffer.from('y'));
  }
}
