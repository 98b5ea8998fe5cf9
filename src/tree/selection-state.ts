import { createHash, type Hash } from 'node:crypto';
import type { Breather } from '../core/breathe.ts';
import type { DirectoryStates, FileTree, TreeNode } from './file-tree.ts';
import type { Selection } from './select-files.ts';
import type { SelectedRoot } from './walk-selected.ts';

/** The state that selected files are in: one that was met before need not be looked at file by file. */
export interface SelectionState {
  /**
   * Hash of names, types, modes, owners, sizes, times, devices and inodes: 64 hex digits. The same for the
   * same files only as long as nothing was written to them.
   */
  readonly digest: string;
  /** Number of files. */
  readonly files: number;
  /** When the last of them was touched (mtime or ctime), in nanoseconds since 1970. */
  readonly newestNs: bigint;
  /** Those that they are on. */
  readonly devices: ReadonlySet<number>;
}

/** Changes whenever the bytes that are hashed for the same files change. */
const FORMAT = 'stagecraft selection state 1\n';

/**
 * The state of what is selected; undefined where it cannot be told without a look at every file: in trees
 * that do not remember what they saw, and where some of the files in a directory are left out.
 *
 * @throws BuildError FILE_UNREADABLE where this process may not look
 */
export async function readSelectionState(
  tree: FileTree,
  selection: Selection,
  roots: readonly SelectedRoot[],
  breather: Breather,
): Promise<SelectionState | undefined> {
  const { states } = tree;
  if (states === undefined || roots.some(({ filter }) => filter !== undefined)) return undefined;
  const hash = createHash('sha256').update(FORMAT);
  hash.update(selection.copiesDirContents ? 'contents\n' : 'directories\n');
  const total: Total = { hash, files: 0, newestNs: 0n, devices: new Set() };
  for (const { node, name } of roots) {
    hash.update(`${name.length}:${name} ${stateText(node)}\n`, 'latin1');
    total.files++;
    touch(total, node.mtimeNs > node.ctimeNs ? node.mtimeNs : node.ctimeNs);
    total.devices.add(node.dev);
    if (node.type === 'directory') await addBelow(node, states, total, breather);
  }
  const { files, newestNs, devices } = total;
  return { digest: hash.digest('hex'), files, newestNs, devices };
}

interface Total {
  readonly hash: Hash;
  files: number;
  newestNs: bigint;
  readonly devices: Set<number>;
}

async function addBelow(
  directory: TreeNode,
  statesOf: (directory: TreeNode) => DirectoryStates,
  total: Total,
  breather: Breather,
): Promise<void> {
  if (breather.isDue()) await breather.breathe();
  const { count, bytes, newestNs, devices, directories } = statesOf(directory);
  total.files += count;
  touch(total, newestNs);
  for (const dev of devices) total.devices.add(dev);
  total.hash.update(`${count} ${bytes.map(({ length }) => length).join(' ')}\n`);
  for (const part of bytes) total.hash.update(part);
  for (const below of directories) await addBelow(below, statesOf, total, breather);
}

function stateText(node: TreeNode): string {
  const { type, mode, uid, gid, size, dev, ino, nlink, rdev, mtimeNs, ctimeNs } = node;
  return [type, mode, uid, gid, size, dev, ino, nlink, rdev, mtimeNs, ctimeNs].join(' ');
}

function touch(total: Total, atNs: bigint): void {
  if (atNs > total.newestNs) total.newestNs = atNs;
}
