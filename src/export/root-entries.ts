import type { BytePath } from '../core/bytes.ts';
import { majorOf, minorOf } from '../host/sys.ts';
import type { LayerEntry } from '../layer/layer-entries.ts';
import type { TarEntryType } from '../layer/tar-entry.ts';
import type { FileTree, TreeNode } from '../tree/file-tree.ts';
import { readLink, ROOT } from '../tree/node.ts';
import { readXattrs } from '../tree/xattrs.ts';

/**
 * The files of an image: each directory, then its names in byte order. The root has no entry of its
 * own, sockets none at all. Names begin with `prefix`, which is empty or ends with a slash. Times are
 * at most `clampMtime` seconds.
 */
export function* rootEntries(
  tree: FileTree,
  prefix: string,
  clampMtime: number | undefined,
): Generator<LayerEntry, void> {
  const root = tree.lookup(ROOT, { followsLast: false });
  if (root === undefined) return;
  yield* directoryEntries(root, { tree, prefix, clampMtime, linked: new Map() });
}

interface Walk {
  readonly tree: FileTree;
  readonly prefix: string;
  readonly clampMtime: number | undefined;
  /** First name of each file that has several. */
  readonly linked: Map<string, BytePath>;
}

function* directoryEntries(directory: TreeNode, walk: Walk): Generator<LayerEntry, void> {
  for (const name of walk.tree.list(directory)) {
    const node = walk.tree.child(directory, name);
    if (node === undefined || node.type === 'socket') continue;
    yield entryOf(node, walk);
    if (node.type === 'directory') yield* directoryEntries(node, walk);
  }
}

function entryOf(node: TreeNode, walk: Walk): LayerEntry {
  const name = (walk.prefix + node.path.slice(1)) as BytePath;
  const first = firstName(node, name, walk.linked);
  const isHardLink = first !== undefined;
  const type: TarEntryType = isHardLink ? 'hardlink' : (node.type as TarEntryType);
  const size = type === 'file' ? node.size : 0;
  const isDevice = type === 'char-device' || type === 'block-device';
  return {
    entry: {
      name,
      type,
      mode: node.mode,
      uid: node.uid,
      gid: node.gid,
      size,
      mtime: seconds(node.mtimeNs, walk.clampMtime),
      linkName: isHardLink ? first : node.type === 'symlink' ? readLink(node) : undefined,
      devMajor: isDevice ? majorOf(node.rdev) : 0,
      devMinor: isDevice ? minorOf(node.rdev) : 0,
      xattrs: isHardLink ? [] : readXattrs(node.hostPath),
    },
    hostPath: size > 0 ? node.hostPath : undefined,
  };
}

/**
 * The name under which this file was written before. Only names in one layer are hard links of an
 * image: between layers, the store itself may share a file that is two in the image.
 */
function firstName(
  node: TreeNode,
  name: BytePath,
  linked: Map<string, BytePath>,
): BytePath | undefined {
  if (node.nlink < 2 || node.type === 'directory') return undefined;
  const layer = node.hostPath.slice(0, node.hostPath.length - node.path.length);
  const key = `${node.dev}:${node.ino}:${layer}`;
  const first = linked.get(key);
  if (first === undefined) linked.set(key, name);
  return first;
}

function seconds(mtimeNs: bigint, clamp: number | undefined): number {
  const whole = Number(mtimeNs / 1_000_000_000n) - (mtimeNs % 1_000_000_000n < 0n ? 1 : 0);
  return clamp === undefined ? whole : Math.min(whole, clamp);
}
