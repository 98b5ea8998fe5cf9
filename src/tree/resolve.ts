import type { BytePath } from '../core/bytes.ts';
import { symlinkLoop } from './errors.ts';
import type { FileTree, TreeNode } from './file-tree.ts';
import { readLink } from './node.ts';

/** Links that one lookup may follow, as in the reference implementation (the kernel stops at 40). */
export const MAX_LINKS = 255;

/**
 * Walks `path` from `root` the way the kernel would in a chroot: `..` stops at the root, absolute
 * link targets start at it. Only single names ever reach the host, so no link can lead out.
 *
 * @throws BuildError SYMLINK_LOOP
 */
export function resolvePath(
  root: TreeNode,
  childOf: FileTree['child'],
  path: BytePath,
  followsLast: boolean,
): TreeNode | undefined {
  // The directories from the root down to where the walk is.
  let above: TreeNode[] = [];
  let at = root;
  const pending = namesOf(path).reverse();
  let links = 0;
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (at.type !== 'directory') return undefined;
    if (name === '..') {
      at = above.pop() ?? root;
      continue;
    }
    const child = childOf(at, name);
    if (child === undefined) return undefined;
    if (child.type !== 'symlink' || (pending.length === 0 && !followsLast)) {
      above.push(at);
      at = child;
      continue;
    }
    if (++links > MAX_LINKS) throw symlinkLoop(path);
    const target = readLink(child);
    if (target.startsWith('/')) {
      above = [];
      at = root;
    }
    pending.push(...namesOf(target).reverse());
  }
  return at;
}

/** The names in a path, without empty ones and `.`. */
export function namesOf(path: BytePath): BytePath[] {
  return path.split('/').filter((name) => name !== '' && name !== '.') as BytePath[];
}
