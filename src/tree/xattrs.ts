import type { BytePath } from '../core/bytes.ts';
import { hasCode } from '../host/sys.ts';
import { lgetxattr, llistxattr } from '../host/xattr.ts';
import { isLayerMark } from './opaque.ts';

/** One extended attribute that belongs to a file's content. */
export interface Xattr {
  readonly name: string;
  readonly value: Buffer;
}

/**
 * The attributes of a file that are copied and hashed, by name: `security.capability` and `user.*`
 * (BuildKit `cache/contenthash/tarsum.go` leaves out the other `security.*` and `system.*` ones, which
 * belong to the host). Overlayfs keeps its own notes under `user.overlay.` and we ours (`isLayerMark`);
 * these never count.
 */
export function readXattrs(hostPath: BytePath): readonly Xattr[] {
  let names: readonly string[];
  try {
    names = llistxattr(hostPath);
  } catch (error) {
    // A file that may not be read has no attributes to copy either; reading its content says so.
    if (hasCode(error, 'EACCES', 'EPERM')) return [];
    throw error;
  }
  return names.filter(isContentXattr).flatMap((name) => {
    const value = lgetxattr(hostPath, name);
    return value === undefined ? [] : [{ name, value }];
  });
}

/** True for the attributes that `readXattrs` returns. */
export function isContentXattr(name: string): boolean {
  if (name === 'security.capability') return true;
  return name.startsWith('user.') && !isLayerMark(name);
}
