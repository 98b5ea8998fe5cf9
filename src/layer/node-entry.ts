import type { BytePath } from '../core/bytes.ts';
import { majorOf, minorOf } from '../host/sys.ts';
import type { TreeNode } from '../tree/file-tree.ts';
import { readLink } from '../tree/node.ts';
import { readXattrs } from '../tree/xattrs.ts';
import type { TarEntry, TarEntryType } from './tar-entry.ts';

/** A tar entry and where its content is; undefined for all but files with content. */
export interface LayerEntry {
  readonly entry: TarEntry;
  readonly hostPath: BytePath | undefined;
}

/** How a file is named in the archive that is being written. */
interface EntryName {
  readonly name: BytePath;
  /** The name under which the same file was written before; undefined the first time. */
  readonly first: BytePath | undefined;
}

/**
 * The entry of a file that is no socket. A file that was written before becomes a hard link. Times are
 * at most `clampMtime` seconds; undefined keeps all times.
 */
export function nodeEntry(
  node: TreeNode,
  { name, first }: EntryName,
  clampMtime: number | undefined,
): LayerEntry {
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
      mtime: seconds(node.mtimeNs, clampMtime),
      linkName: isHardLink ? first : node.type === 'symlink' ? readLink(node) : undefined,
      devMajor: isDevice ? majorOf(node.rdev) : 0,
      devMinor: isDevice ? minorOf(node.rdev) : 0,
      // Looked up when they are asked for: who opens the file anyway asks that, in a third of the time.
      get xattrs() {
        return isHardLink ? [] : readXattrs(node.hostPath);
      },
    },
    hostPath: size > 0 ? node.hostPath : undefined,
  };
}

function seconds(mtimeNs: bigint, clamp: number | undefined): number {
  // Rounded down, as Go's Truncate does for times after 1970 and tar wants for all.
  const whole = Number(mtimeNs / 1_000_000_000n) - (mtimeNs % 1_000_000_000n < 0n ? 1 : 0);
  return clamp === undefined ? whole : Math.min(whole, clamp);
}
