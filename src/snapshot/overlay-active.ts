import { chmodSync, chownSync, lstatSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { utimesNs } from '../host/sys.ts';
import { openChainTree } from '../tree/chain-tree.ts';
import type { FileTree } from '../tree/file-tree.ts';
import type { ActiveSlot } from './active-slots.ts';
import { mountOverlay, unmountOverlay } from './overlay-mount.ts';
import { removeTree } from './remove-tree.ts';
import type {
  ActiveSnapshot,
  CommittedSnapshot,
  MountedView,
  SnapshotId,
  SnapshotInfo,
} from './snapshotter.ts';

/** What an active snapshot is made of. */
export interface ActiveParts {
  readonly base: string;
  readonly slot: ActiveSlot;
  /** The parent and its ancestors, top first. */
  readonly lowers: readonly CommittedSnapshot[];
}

/** A snapshot that is being written, as a directory in overlay upper form. */
export class OverlayActive implements ActiveSnapshot {
  readonly id: SnapshotId;
  readonly upper: string;
  readonly parentTree: FileTree;
  readonly #parts: ActiveParts;
  readonly #commit: (info: SnapshotInfo) => CommittedSnapshot;
  #isMounted = false;
  #isOpen = true;

  constructor(parts: ActiveParts, commit: (info: SnapshotInfo) => CommittedSnapshot) {
    this.#parts = parts;
    this.#commit = commit;
    this.id = parts.slot.id;
    this.upper = join(parts.slot.path, 'fs');
    this.parentTree = openChainTree(parts.lowers.map(({ dir }) => dir));
  }

  get tree(): FileTree {
    const lowers = this.#parts.lowers.map(({ dir }) => dir);
    return openChainTree([this.upper, ...lowers], { isTopWritable: true });
  }

  mount(cover?: (dir: string) => void): Promise<MountedView> {
    return Promise.resolve().then(() => {
      const { base, lowers } = this.#parts;
      const { path, id } = this.#parts.slot;
      const root = join(path, 'merged');
      const own = `active/${id}`;
      for (const name of ['merged', 'work']) mkdirSync(join(path, name), { mode: 0o700 });
      if (cover !== undefined) {
        mkdirSync(join(path, 'cover'), { mode: 0o700 });
        cover(join(path, 'cover'));
      }
      const below = lowers.length === 0 ? ['empty'] : lowers.map((lower) => `${lower.id}/fs`);
      mountOverlay({
        base,
        lowers: cover === undefined ? below : [`${own}/cover`, ...below],
        upper: `${own}/fs`,
        work: `${own}/work`,
        target: `${own}/merged`,
        links: `${own}/links`,
      });
      this.#isMounted = true;
      return {
        root,
        [Symbol.asyncDispose]: () => {
          this.#unmount();
          return Promise.resolve();
        },
      };
    });
  }

  commit(info: SnapshotInfo): Promise<CommittedSnapshot> {
    return Promise.resolve().then(() => {
      if (!this.#isOpen) throw new TypeError(`Snapshot ${this.id} was closed before`);
      this.#unmount();
      const committed = this.#commit(info);
      this.#close();
      return committed;
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve().then(() => {
      if (!this.#isOpen) return;
      this.#unmount();
      removeTree(this.#parts.slot.path);
      this.#close();
    });
  }

  #unmount(): void {
    if (!this.#isMounted) return;
    const { path } = this.#parts.slot;
    unmountOverlay(join(path, 'merged'));
    this.#isMounted = false;
    for (const name of ['merged', 'work', 'links', 'cover']) {
      removeTree(join(path, name));
    }
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
