import type { BytePath } from '../core/bytes.ts';

/**
 * A read-only view of files with `/` as its root: a chain of snapshots, a build context, one
 * directory. Symlinks never lead out of it: `..` stops at the root and absolute targets start there.
 * All calls are synchronous (see `createBreather` for long loops). Paths are absolute byte paths
 * without a trailing slash, `/` being the root.
 */
export interface FileTree {
  /**
   * The node at `path`, following symlinks in every directory component, and in the last one too
   * when `followsLast`. Undefined when it is not there, or a component is not a directory.
   * @throws BuildError SYMLINK_LOOP after 255 links.
   */
  lookup(path: BytePath, options: { readonly followsLast: boolean }): TreeNode | undefined;
  /** Names in a directory node, in byte order, without `.` and `..`. */
  list(directory: TreeNode): readonly BytePath[];
  /** The entry `name` of a directory node. Does not follow it when it is a symlink. */
  child(directory: TreeNode, name: BytePath): TreeNode | undefined;
  /**
   * All that is in a directory node, as it stays for as long as this tree is there. Only trees that
   * remember what they have seen offer it.
   */
  readonly states?: ((directory: TreeNode) => DirectoryStates) | undefined;
  /** All that was looked at so far, as it was then. Only trees that remember it offer it. */
  readonly seen?: (() => Iterable<SeenFile>) | undefined;
}

/** A place that a tree has looked at. */
export interface SeenFile {
  readonly hostPath: BytePath;
  /** What was there; undefined when nothing was, or nothing that counts. */
  readonly node: TreeNode | undefined;
  /** Also which names are in it. */
  readonly isListed: boolean;
}

/** The states of what is in one directory, for telling whether anything in it has changed. */
export interface DirectoryStates {
  /** Number of names. */
  readonly count: number;
  /** Names and states: the same bytes as long as nothing in the directory has changed. */
  readonly bytes: readonly Uint8Array[];
  /** When the last of them was touched (mtime or ctime), in nanoseconds since 1970. */
  readonly newestNs: bigint;
  /** Those that they are on. */
  readonly devices: ReadonlySet<number>;
  readonly directories: readonly TreeNode[];
}

/** One file of a tree. Stat fields as lstat gives them. */
export interface TreeNode {
  /** Where it really is in the tree, after links: absolute, no symlink in any directory component. */
  readonly path: BytePath;
  /** Where its bytes are on this host. Not to be followed or written. */
  readonly hostPath: BytePath;
  readonly type: NodeType;
  /** Permission bits with setuid, setgid and sticky; no type bits. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes. */
  readonly size: number;
  /** Nanoseconds since 1970. */
  readonly mtimeNs: bigint;
  /** Nanoseconds since 1970, as this host keeps it: tells whether a file changed between two looks. */
  readonly ctimeNs: bigint;
  readonly dev: number;
  readonly ino: Inode;
  readonly nlink: number;
  /** Device number of a char or block device. */
  readonly rdev: number;
}

/** Where a file is: enough to read it, and to name it in errors. */
export type FileLocation = Pick<TreeNode, 'path' | 'hostPath'>;

/**
 * Number of a file on its device. A bigint where a number could not tell it from its neighbours (above 2^53:
 * overlayfs puts the layer into the upper bits, and network file systems use all 64); numbers are quicker.
 */
export type Inode = number | bigint;

/** What tells one state of a file from another, as plain data that can be sent to another thread. */
export type FileState = FileLocation &
  Pick<TreeNode, 'dev' | 'ino' | 'size' | 'mtimeNs' | 'ctimeNs'>;

export type NodeType =
  'file' | 'directory' | 'symlink' | 'char-device' | 'block-device' | 'fifo' | 'socket';
