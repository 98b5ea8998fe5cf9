import type { FileTree } from '../tree/file-tree.ts';
import type { CommittedSnapshot, SnapshotId } from './snapshotter.ts';

/** How a chain of snapshots becomes one directory that programs can work in. */
export type MountKind = 'overlay' | 'copy';

/** Name of the directory of what covers the chain, beside `fs`. */
export const COVER = 'cover';

/** What is to be shown, and where. */
export interface MountRequest {
  /** Directory of all snapshots. */
  readonly base: string;
  /** The snapshot that is being written. */
  readonly id: SnapshotId;
  /** Its directory, in which `fs` takes what changes; everything else in it is the mounter's. */
  readonly path: string;
  /** The parent and its ancestors, top first. */
  readonly lowers: readonly CommittedSnapshot[];
  /** What these show together, without the cover. */
  readonly parentTree: FileTree;
  /** There is a directory whose files are seen in place of those of the chain. */
  readonly hasCover: boolean;
  /** Directory, from `base`, of what is seen where the chain has nothing. */
  readonly floor: (() => string) | undefined;
  /** The chain, the cover where there is one, and `fs` on top. */
  readonly tree: () => FileTree;
}

/** A chain that is shown. */
export interface MountedChain {
  /** Host path. */
  readonly root: string;
  /** Ends it. With `keeps`, what was changed is in `fs` afterwards. */
  unmount(keeps: boolean): Promise<void>;
}

/** One way to do it. */
export interface Mounter {
  mount(request: MountRequest, signal: AbortSignal): Promise<MountedChain>;
}
