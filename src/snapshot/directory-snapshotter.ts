import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createBreather } from '../core/breathe.ts';
import { diskError } from '../host/disk-error.ts';
import { openHolds, type Holds } from '../host/holds.ts';
import { replaceFile } from '../host/replace-file.ts';
import { openStackTree } from '../tree/chain-tree.ts';
import type { FileTree } from '../tree/file-tree.ts';
import { LayerStack } from '../tree/layer-stack.ts';
import {
  activeParents,
  isSnapshotId,
  sweepActive,
  takeActiveSlot,
  type ActiveSlot,
} from './active-slots.ts';
import { childrenFirst } from './children-first.ts';
import { snapshotHasChildren, snapshotNotFound } from './errors.ts';
import { chooseMounter, type MountChoice } from './choose-mounter.ts';
import { DirectoryActive, makeRoot } from './directory-active.ts';
import { DIGESTS_FILE, KeptDigests } from './kept-digests.ts';
import type { Mounter } from './mounter.ts';
import { removeSlowly, removeTree } from './remove-tree.ts';
import { readRecord } from './snapshot-record.ts';
import type {
  ActiveSnapshot,
  CommitDigests,
  CommittedSnapshot,
  MountedView,
  SnapshotId,
  SnapshotInfo,
  Snapshotter,
} from './snapshotter.ts';
import { openSyncJournal, type SyncJournal } from './sync-journal.ts';

/** How a store of snapshots is opened. */
export interface SnapshotterOptions {
  /** Kept by the store, for blobs as well. One of its own where it is left out. */
  readonly holds?: Holds | undefined;
  /** Default `auto`. */
  readonly mounting?: MountChoice | undefined;
  /** Called once when overlayfs cannot be mounted and files are copied instead. */
  readonly onFallback?: ((reason: string) => void) | undefined;
}

/**
 * Snapshots as directories in overlay upper form below `dir`:
 *
 *   <id>/fs, <id>/record.json   frozen; <id>/digests is of its files, where they are known
 *   active/<id>/                being written, see active-slots.ts
 *   trash/                      on its way out: renamed at once, removed when there is time
 *   empty/, floors/             lower directories of what has no parent, and below all others (floor.ts)
 *   unsynced/                   see sync-journal.ts
 *
 * A snapshot is frozen by renaming its directory out of active/, so it is there whole or not at all.
 * While it is written, its lock file names its parent; from then on, its record does. Whoever removes
 * looks for children in that order, inside the gate of `holds` that getting a child needs too: none is
 * missed. `holds` also keeps what a process has found, until it is done.
 */
export function openDirectorySnapshotter(
  dir: string,
  options: SnapshotterOptions = {},
): Snapshotter & AsyncDisposable {
  for (const name of ['active', 'trash', 'empty']) {
    mkdirSync(join(dir, name), { recursive: true, mode: 0o700 });
  }
  const snapshotter = new DirectorySnapshotter(dir, options);
  sweepActive(join(dir, 'active'));
  return snapshotter;
}

class DirectorySnapshotter implements Snapshotter, AsyncDisposable {
  readonly #dir: string;
  readonly #journal: SyncJournal;
  readonly #holds: Holds;
  readonly #mounter: Mounter;
  readonly digests: KeptDigests;
  readonly #records = new Map<SnapshotId, CommittedSnapshot>();
  /** Chains whose files were looked at, by their top. */
  readonly #stacks = new Map<SnapshotId, LayerStack>();

  constructor(dir: string, options: SnapshotterOptions) {
    this.#dir = dir;
    this.digests = new KeptDigests(dir);
    this.#holds = options.holds ?? openHolds(dir);
    this.#mounter = chooseMounter(
      options.mounting ?? 'auto',
      join(dir, 'trash'),
      options.onFallback ?? (() => undefined),
    );
    this.#journal = openSyncJournal(dir, (id) => {
      if (isSnapshotId(id)) this.#discard(id);
    });
  }

  prepare(parent: SnapshotId | undefined, signal: AbortSignal): Promise<ActiveSnapshot> {
    return Promise.resolve().then(() => {
      signal.throwIfAborted();
      return this.#onDisk(() => this.#open(parent));
    });
  }

  async view(id: SnapshotId, signal: AbortSignal): Promise<MountedView> {
    const active = await this.prepare(id, signal);
    try {
      const { root } = await active.mount(signal);
      return { root, [Symbol.asyncDispose]: () => active[Symbol.asyncDispose]() };
    } catch (error) {
      await active[Symbol.asyncDispose]();
      throw error;
    }
  }

  get(id: SnapshotId): CommittedSnapshot | undefined {
    return isSnapshotId(id) ? this.#holds.find(id, () => this.#read(id)) : undefined;
  }

  /** Looks without holding: what has a child, or is about to go. */
  #read(id: SnapshotId): CommittedSnapshot | undefined {
    const path = join(this.#dir, id, 'record.json');
    const known = this.#records.get(id);
    // Another process may have removed it.
    if (known !== undefined) return existsSync(path) ? known : undefined;
    const record = readRecord(path, id, join(this.#dir, id, 'fs'));
    if (record !== undefined) this.#records.set(id, record);
    return record;
  }

  chain(id: SnapshotId): readonly CommittedSnapshot[] {
    if (this.get(id) === undefined) throw snapshotNotFound(id);
    // Those below stay as long as this one does.
    return this.#chainBelow(id);
  }

  tree(id: SnapshotId | undefined): FileTree {
    if (id === undefined) return openStackTree(LayerStack.of([]));
    if (this.get(id) === undefined) throw snapshotNotFound(id);
    return openStackTree(this.#stackOf(id));
  }

  remove(id: SnapshotId): Promise<void> {
    return Promise.resolve().then(() => {
      if (this.#read(id) === undefined) throw snapshotNotFound(id);
      const { removed, trash, children } = this.#removeFree([id], () => new Set());
      for (const path of trash) removeTree(path);
      if (removed.length === 0) throw snapshotHasChildren(id, children.get(id)?.[0] ?? id);
    });
  }

  removeAll(
    ids: readonly SnapshotId[],
    kept: () => ReadonlySet<string> = () => new Set(),
  ): Promise<readonly SnapshotId[]> {
    return Promise.resolve().then(() => this.#removeFree(ids, kept).removed);
  }

  async emptyTrash(signal: AbortSignal): Promise<void> {
    const breather = createBreather(signal);
    const trash = join(this.#dir, 'trash');
    for (const name of readdirSync(trash)) await removeSlowly(join(trash, name), breather);
  }

  flush(): Promise<void> {
    return this.#journal.flush();
  }

  #chainBelow(id: SnapshotId): CommittedSnapshot[] {
    const chain: CommittedSnapshot[] = [];
    for (let next: SnapshotId | undefined = id; next !== undefined;) {
      // Only the first can be gone: whoever removes takes children before their parents.
      const known: CommittedSnapshot | undefined =
        next === id ? undefined : this.#records.get(next);
      const snapshot: CommittedSnapshot | undefined = known ?? this.#read(next);
      if (snapshot === undefined) throw snapshotNotFound(next);
      chain.push(snapshot);
      next = snapshot.parent;
    }
    return chain;
  }

  #stackOf(id: SnapshotId): LayerStack {
    const missing: CommittedSnapshot[] = [];
    let stack: LayerStack | undefined;
    for (let next: SnapshotId | undefined = id; next !== undefined && stack === undefined;) {
      stack = this.#stacks.get(next);
      if (stack !== undefined) break;
      const snapshot: CommittedSnapshot | undefined = this.#records.get(next) ?? this.#read(next);
      if (snapshot === undefined) throw snapshotNotFound(next);
      missing.push(snapshot);
      next = snapshot.parent;
    }
    stack ??= LayerStack.of([]);
    for (const snapshot of missing.reverse()) {
      stack = stack.with(snapshot.dir);
      this.#stacks.set(snapshot.id, stack);
    }
    return stack;
  }

  /** Removes those of `ids` that have no children, or none that is not removed as well. */
  #removeFree(
    ids: readonly SnapshotId[],
    kept: () => ReadonlySet<string>,
  ): {
    readonly removed: readonly SnapshotId[];
    readonly trash: readonly string[];
    readonly children: ReadonlyMap<SnapshotId, readonly SnapshotId[]>;
  } {
    sweepActive(join(this.#dir, 'active'));
    const removed: SnapshotId[] = [];
    const trash: string[] = [];
    const children = this.#holds.remove((held) => {
      const found = this.#children();
      const needed = kept();
      const free = ids.filter((id) => !held.has(id) && !needed.has(id));
      for (const id of childrenFirst(free, found)) {
        trash.push(this.#hide(id));
        removed.push(id);
      }
      return found;
    });
    return { removed, trash, children };
  }

  /** All snapshots that there are, each with those that are built on it. */
  #children(): Map<SnapshotId, SnapshotId[]> {
    const children = new Map<SnapshotId, SnapshotId[]>();
    const add = (parent: SnapshotId, id: SnapshotId): void => {
      children.set(parent, [...(children.get(parent) ?? []), id]);
    };
    // In this order, one that is frozen meanwhile is seen at least once.
    for (const [parent, id] of activeParents(join(this.#dir, 'active'))) add(parent, id);
    for (const id of readdirSync(this.#dir).filter(isSnapshotId)) {
      const record = this.#read(id);
      if (record === undefined) continue;
      children.set(id, children.get(id) ?? []);
      if (record.parent !== undefined) add(record.parent, id);
    }
    return children;
  }

  #discard(id: SnapshotId): void {
    if (existsSync(join(this.#dir, id))) removeTree(this.#hide(id));
    else this.#forget(id);
  }

  /** Moves a snapshot out of sight, so that nobody sees half of it while it is removed. */
  #hide(id: SnapshotId): string {
    const trash = join(this.#dir, 'trash', `${id}-${randomBytes(4).toString('hex')}`);
    this.#forget(id);
    renameSync(join(this.#dir, id), trash);
    return trash;
  }

  #forget(id: SnapshotId): void {
    this.#records.delete(id);
    this.#stacks.delete(id);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }

  #open(parent: SnapshotId | undefined): ActiveSnapshot {
    const [below, slot] = this.#holds.enter(() => {
      const found = parent === undefined ? undefined : this.#read(parent);
      if (parent !== undefined && found === undefined) throw snapshotNotFound(parent);
      return [found, takeActiveSlot(join(this.#dir, 'active'), parent)];
    });
    let stack: LayerStack;
    try {
      stack = parent === undefined ? LayerStack.of([]) : this.#stackOf(parent);
      mkdirSync(slot.path, { mode: 0o700 });
      makeRoot(join(slot.path, 'fs'), below?.dir);
    } catch (error) {
      removeTree(slot.path);
      slot.close();
      throw error;
    }
    const lowers = (): readonly CommittedSnapshot[] =>
      parent === undefined ? [] : this.#chainBelow(parent);
    const parts = { base: this.#dir, slot, lowers, stack, mounter: this.#mounter };
    return new DirectoryActive(parts, (info, digests) =>
      this.#onDisk(() => {
        if (digests !== undefined) this.#keepDigests(slot, digests);
        return this.#commit(slot, parent, info);
      }),
    );
  }

  #onDisk<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw diskError(this.#dir, error) ?? error;
    }
  }

  #keepDigests({ path }: ActiveSlot, { list, sharesWith }: CommitDigests): void {
    const shared = new Set(sharesWith.flatMap((id) => this.#chainBelow(id).map((each) => each.id)));
    const kept = this.digests.encode(path, list, shared);
    if (kept !== undefined) replaceFile(join(path, DIGESTS_FILE), kept);
  }

  #commit(
    { id, path }: ActiveSlot,
    parent: SnapshotId | undefined,
    info: SnapshotInfo,
  ): CommittedSnapshot {
    const { bytes, entries, isEmpty } = info;
    const record = { id, parent, bytes, entries, isEmpty };
    writeFileSync(join(path, 'record.json'), JSON.stringify(record), { mode: 0o600 });
    this.#journal.note(id);
    this.#holds.note(id);
    renameSync(path, join(this.#dir, id));
    const committed = { ...record, dir: join(this.#dir, id, 'fs') };
    this.#records.set(id, committed);
    return committed;
  }
}
