import type { BytePath } from '../core/bytes.ts';
import type { FileTree, TreeNode } from '../tree/file-tree.ts';
import { joinPath, readLink, ROOT } from '../tree/node.ts';
import { MAX_LINKS, namesOf } from '../tree/resolve.ts';
import { symlinkLoop } from '../tree/errors.ts';
import { cannotChange, notADirectory } from './file-errors.ts';
import { setMode, setOwner } from './file-metadata.ts';
import type { OwnerIds } from './file-owner.ts';
import type { Upper, UpperDir } from './file-upper.ts';

/**
 * Where `path` leads in the image: all links followed, the last one too, `..` stopping at the root.
 * What is not there yet is kept as it is written (continuity `fs.RootPath`). With `root`, a directory
 * without links in its path, that one is taken for the root; `path` is below it.
 *
 * @throws BuildError SYMLINK_LOOP
 */
export function resolveDestination(
  tree: FileTree,
  path: BytePath,
  root: BytePath = ROOT,
): BytePath {
  const start = { path: root, node: tree.lookup(root, { followsLast: false }) };
  // Nodes from the root down; undefined for what is not there.
  let walked: { readonly path: BytePath; readonly node: TreeNode | undefined }[] = [];
  const pending = namesOf(path).reverse();
  let links = 0;
  for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
    if (name === '..') {
      walked.pop();
      continue;
    }
    const at = walked.at(-1) ?? start;
    const node = at.node?.type === 'directory' ? tree.child(at.node, name) : undefined;
    if (node?.type !== 'symlink') {
      walked.push({ path: joinPath(at.path, name), node });
      continue;
    }
    if (++links > MAX_LINKS) throw symlinkLoop(path);
    const target = readLink(node);
    if (target.startsWith('/')) walked = [];
    pending.push(...namesOf(target).reverse());
  }
  return walked.at(-1)?.path ?? root;
}

/** How directories are made that lead to a destination. */
export interface NewDirectory {
  readonly mode: number;
  /** Undefined: the owner that the kernel gives, as `mkdir -p` does. */
  readonly owner: OwnerIds | undefined;
}

/**
 * `mkdir -p` for a path without links (fsutil `copy/mkdir.go`). What is there stays as it is.
 *
 * @throws BuildError PATH_NOT_A_DIRECTORY
 */
export function makeDirectories(upper: Upper, path: BytePath, how: NewDirectory): void {
  let known = upper.tree.lookup(ROOT, { followsLast: false });
  let directory: UpperDir | undefined;
  let at = ROOT;
  for (const name of namesOf(path)) {
    const above = at;
    at = joinPath(at, name);
    const node: TreeNode | undefined =
      known === undefined ? undefined : upper.tree.child(known, name);
    if (node?.type === 'directory') {
      known = node;
      continue;
    }
    if (node !== undefined) throw notADirectory(at);
    known = undefined;
    directory = makeDirectory(upper, directory ?? upper.open(above), name, how);
  }
}

/** @throws BuildError FILE_ACTION_FAILED when the name is taken */
export function makeDirectory(
  upper: Upper,
  directory: UpperDir,
  name: BytePath,
  how: NewDirectory,
): UpperDir {
  const slot = upper.slot(directory, name);
  if (slot.existing !== undefined) throw cannotChange('create', slot.path, 'it exists already');
  const made = upper.makeDirectory(slot, how.mode);
  // The umask of this process took bits away.
  setMode(made.hostPath, how.mode);
  if (how.owner !== undefined) setOwner(made.hostPath, made.path, how.owner);
  return made;
}
