import type { BytePath } from '../core/bytes.ts';
import { nodeEntry, type LayerEntry } from '../layer/node-entry.ts';
import { FirstNames } from '../tree/first-names.ts';
import type { FileTree, TreeNode } from '../tree/file-tree.ts';
import { ROOT } from '../tree/node.ts';

/**
 * The files of an image: each directory, then its names in byte order. The root has no entry of its
 * own, sockets none at all. Names begin with `prefix`, which is empty or ends with a slash. Times are
 * at most `clampMtime` seconds, and as in the layers of the image.
 */
export function* rootEntries(
  { tree, prefix, clampMtimes }: RootToExport,
  clampMtime: number | undefined,
): Generator<LayerEntry, void> {
  const root = tree.lookup(ROOT, { followsLast: false });
  if (root === undefined) return;
  const names = new FirstNames();
  yield* directoryEntries(root, { tree, prefix, clampMtimes, clampMtime, names });
}

/** A file system and the directory (empty, or with a slash at its end) that it goes to. */
export interface RootToExport {
  readonly tree: FileTree;
  /** `linux/amd64`; only told apart from others. */
  readonly platform?: string | undefined;
  readonly prefix: string;
  /** Of an image with layers whose times are at most so many seconds: by the directory that a layer is. */
  readonly clampMtimes?: ClampMtimes | undefined;
}

/** Latest times in layers, in seconds, by their directories on this host. */
export type ClampMtimes = ReadonlyMap<BytePath, number>;

interface Walk extends Pick<RootToExport, 'tree' | 'prefix' | 'clampMtimes'> {
  readonly clampMtime: number | undefined;
  readonly names: FirstNames;
}

function* directoryEntries(directory: TreeNode, walk: Walk): Generator<LayerEntry, void> {
  for (const name of walk.tree.list(directory)) {
    const node = walk.tree.child(directory, name);
    if (node === undefined || node.type === 'socket') continue;
    yield entryOf(node, walk);
    if (node.type === 'directory') yield* directoryEntries(node, walk);
  }
}

/**
 * Only names in one layer are hard links of an image: between layers, the store itself may share a file
 * that is two in the image.
 */
function entryOf(node: TreeNode, walk: Walk): LayerEntry {
  const name = (walk.prefix + node.path.slice(1)) as BytePath;
  const layer = node.hostPath.slice(0, node.hostPath.length - node.path.length);
  const first = walk.names.note(node, name, layer);
  const latest = earlier(walk.clampMtime, walk.clampMtimes?.get(layer as BytePath));
  return nodeEntry(node, { name, first }, latest);
}

function earlier(a: number | undefined, b: number | undefined): number | undefined {
  return a === undefined || b === undefined ? (a ?? b) : Math.min(a, b);
}
