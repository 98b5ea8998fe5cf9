import type { DigestList } from '../tree/digest-list.ts';
import type { FileTree } from '../tree/file-tree.ts';
import type { HashCache } from '../tree/hash-cache.ts';

/**
 * Writable and frozen file system states with parents.
 *
 *   prepare(parent) ──► Active ──commit()──► Committed ──► may be a parent
 *                         └── dispose without commit: as if it never was
 *
 * An Active is never a parent and a Committed is never written. Every state is kept as one directory
 * in overlayfs upper form: removed names are character devices 0/0, a directory that hides the ones
 * below it carries `trusted.overlay.opaque=y` (`user.overlay.opaque` without privilege).
 * Every implementation passes `snapshotterContract` (snapshotter.contract.ts).
 */
export interface Snapshotter {
  prepare(parent: SnapshotId | undefined, signal: AbortSignal): Promise<ActiveSnapshot>;
  /** Undefined when there is none of this id, or it was not committed. */
  get(id: SnapshotId): CommittedSnapshot | undefined;
  /** The snapshot and its ancestors, top first. @throws BuildError SNAPSHOT_NOT_FOUND */
  chain(id: SnapshotId): readonly CommittedSnapshot[];
  /** Reads the chain of `id` without mounting it; undefined is the empty file system. */
  tree(id: SnapshotId | undefined): FileTree;
  /** Digests of files in frozen snapshots. What is put there is kept beside them once it is saved. */
  readonly digests: HashCache;
  /** Mounts the chain of `id` for reading, with a scratch layer for writes that is thrown away. */
  view(id: SnapshotId, signal: AbortSignal): Promise<MountedView>;
  /** Waits until every snapshot that was committed so far would survive a power failure. */
  flush(): Promise<void>;
  /**
   * Fails while a child exists, in this or any other process, committed or being written.
   * @throws BuildError SNAPSHOT_HAS_CHILDREN, SNAPSHOT_NOT_FOUND
   */
  remove(id: SnapshotId): Promise<void>;
  /**
   * Takes all of `ids` out of the store that nothing else is built on, and returns those, children first.
   * What has children that stay is left alone, what some process holds, and what is not there. Looks
   * through the store once. `kept` is asked when nobody can get hold of anything: what it names stays.
   * The files go with `emptyTrash`.
   */
  removeAll(
    ids: readonly SnapshotId[],
    kept?: () => ReadonlySet<string>,
  ): Promise<readonly SnapshotId[]>;
  /** Removes the files of what was taken out, a slice at a time; also what others left. */
  emptyTrash(signal: AbortSignal): Promise<void>;
}

/** Random, lower-case letters and digits; safe as a file name. */
export type SnapshotId = string & { readonly __snapshotId: true };

export interface ActiveSnapshot extends AsyncDisposable {
  readonly id: SnapshotId;
  /** Host path of the directory that takes what this snapshot adds, in overlay upper form. */
  readonly upper: string;
  /** The parent chain, for looking things up before writing to `upper`. Does not show `upper`. */
  readonly parentTree: FileTree;
  /** The parent chain with `upper` on top, as a FileTree; sees what was written to `upper` so far. */
  readonly tree: FileTree;
  /**
   * Shows the merged, writable view. What was written there is in `upper` once the view is disposed or
   * this is committed. With overlayfs that is a mount; elsewhere files are copied.
   */
  mount(signal: AbortSignal, additions?: ViewAdditions): Promise<MountedView>;
  /** Unmounts, syncs, freezes. After this, dispose does nothing. */
  commit(info: SnapshotInfo, digests?: CommitDigests): Promise<CommittedSnapshot>;
}

/** Which digests of files in a snapshot are known when it is frozen. */
export interface CommitDigests {
  readonly list: DigestList;
  /** Files may be shared with these and those below them, whose digests count too. */
  readonly sharesWith: readonly SnapshotId[];
}

/** What is seen in a view besides the chain, and belongs to no snapshot. */
export interface ViewAdditions {
  /** Fills a directory whose files are seen in place of those of the chain. */
  readonly cover?: ((dir: string) => void) | undefined;
  readonly floor?: Floor | undefined;
}

/**
 * A directory that is seen where the chain has nothing, made once a store. Not below as many layers as overlayfs
 * stacks: whoever needs the files looks whether they are there, and spares itself to make them where they are.
 */
export interface Floor {
  /** Names the content: another one needs another name. Letters and digits. */
  readonly name: string;
  readonly fill: (dir: string) => void;
}

export interface MountedView extends AsyncDisposable {
  /** Host path of the merged file system, in the mount namespace of this process's children. */
  readonly root: string;
}

/** What the maker knows about a snapshot when it is frozen. Kept in its record. */
export interface SnapshotInfo {
  /** Bytes of file content in this snapshot alone. */
  readonly bytes: number;
  /** Number of entries in this snapshot alone, whiteouts included. */
  readonly entries: number;
  /** True when nothing was added, changed or removed: then no layer is made of it. */
  readonly isEmpty: boolean;
}

export interface CommittedSnapshot extends SnapshotInfo {
  readonly id: SnapshotId;
  readonly parent: SnapshotId | undefined;
  /** Host path of the frozen directory in overlay upper form. */
  readonly dir: string;
}
