import { chmodSync, chownSync, lstatSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { utimesNs } from '../host/sys.ts';
import { openStackTree, openWritableTree } from '../tree/chain-tree.ts';
import type { FileTree } from '../tree/file-tree.ts';
import { LayerStack } from '../tree/layer-stack.ts';
import type { ActiveSlot } from './active-slots.ts';
import { COVER, type MountedChain, type Mounter } from './mounter.ts';
import { floorDirectory } from './floor.ts';
import { removeTree } from './remove-tree.ts';
import type {
  ActiveSnapshot,
  CommitDigests,
  CommittedSnapshot,
  MountedView,
  SnapshotId,
  SnapshotInfo,
  ViewAdditions,
} from './snapshotter.ts';

/** What an active snapshot is made of. */
export interface ActiveParts {
  readonly base: string;
  readonly slot: ActiveSlot;
  /** The parent and its ancestors, top first; only asked for when they are shown together. */
  readonly lowers: () => readonly CommittedSnapshot[];
  /** Their files. */
  readonly stack: LayerStack;
  readonly mounter: Mounter;
}

type Commit = (info: SnapshotInfo, digests: CommitDigests | undefined) => CommittedSnapshot;

/** A snapshot that is being written, as a directory in overlay upper form. */
export class DirectoryActive implements ActiveSnapshot {
  readonly id: SnapshotId;
  readonly upper: string;
  readonly parentTree: FileTree;
  readonly #parts: ActiveParts;
  readonly #commit: Commit;
  #mounted: MountedChain | undefined;
  #hasCover = false;
  #isOpen = true;

  constructor(parts: ActiveParts, commit: Commit) {
    this.#parts = parts;
    this.#commit = commit;
    this.id = parts.slot.id;
    this.upper = join(parts.slot.path, 'fs');
    this.parentTree = openStackTree(parts.stack);
  }

  get tree(): FileTree {
    return openWritableTree(this.upper, this.#parts.stack);
  }

  async mount(signal: AbortSignal, { cover, floor }: ViewAdditions = {}): Promise<MountedView> {
    const { base, lowers, slot, stack, mounter } = this.#parts;
    const { id, path } = slot;
    const hasCover = cover !== undefined;
    this.#hasCover = hasCover;
    if (hasCover) {
      mkdirSync(join(path, COVER), { mode: 0o700 });
      cover(join(path, COVER));
    }
    const { parentTree, upper } = this;
    const chain = lowers();
    // Not on the stack that others share: what covers it belongs to no snapshot.
    const dirs = [...chain.map(({ dir }) => dir).reverse(), join(path, COVER)];
    const request = {
      ...{ base, id, path, lowers: chain, hasCover, parentTree },
      tree: () => openWritableTree(upper, hasCover ? LayerStack.of(dirs) : stack),
      floor: floor && (() => floorDirectory(base, floor)),
    };
    this.#mounted = await mounter.mount(request, signal);
    const { root } = this.#mounted;
    return { root, [Symbol.asyncDispose]: () => this.#unmount(true) };
  }

  async commit(info: SnapshotInfo, digests?: CommitDigests): Promise<CommittedSnapshot> {
    if (!this.#isOpen) throw new TypeError(`Snapshot ${this.id} was closed before`);
    await this.#unmount(true);
    const committed = this.#commit(info, digests);
    this.#close();
    return committed;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isOpen) return;
    await this.#unmount(false);
    removeTree(this.#parts.slot.path);
    this.#close();
  }

  async #unmount(keeps: boolean): Promise<void> {
    const mounted = this.#mounted;
    this.#mounted = undefined;
    await mounted?.unmount(keeps);
    if (this.#hasCover) removeTree(join(this.#parts.slot.path, COVER));
  }

  #close(): void {
    this.#isOpen = false;
    this.#parts.slot.close();
  }
}

/**
 * The root directory of a snapshot is the root of the mounted view as well: it takes mode, owner and
 * time of its parent's, and is 0755 where there is none. Not what the umask leaves of it.
 */
export function makeRoot(path: string, parentDir: string | undefined): void {
  mkdirSync(path);
  if (parentDir === undefined) {
    chmodSync(path, 0o755);
    return;
  }
  const { uid, gid, mode, mtimeNs } = lstatSync(parentDir, { bigint: true });
  chownSync(path, Number(uid), Number(gid));
  chmodSync(path, Number(mode & 0o7777n));
  utimesNs(Buffer.from(path), mtimeNs, mtimeNs);
}
