import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { diskError } from '../host/disk-error.ts';
import { openChainTree } from '../tree/chain-tree.ts';
import type { FileTree } from '../tree/file-tree.ts';
import {
  activeParents,
  isSnapshotId,
  sweepActive,
  takeActiveSlot,
  type ActiveSlot,
} from './active-slots.ts';
import { childrenFirst } from './children-first.ts';
import { snapshotHasChildren, snapshotNotFound } from './errors.ts';
import { makeRoot, OverlayActive } from './overlay-active.ts';
import { removeTree } from './remove-tree.ts';
import { readRecord } from './snapshot-record.ts';
import type {
  ActiveSnapshot,
  CommittedSnapshot,
  MountedView,
  SnapshotId,
  SnapshotInfo,
  Snapshotter,
} from './snapshotter.ts';
import { openStoreGate, type StoreGate } from './store-gate.ts';
import { openSyncJournal, type SyncJournal } from './sync-journal.ts';

/**
 * Snapshots as overlayfs directories below `dir`:
 *
 *   <id>/fs, <id>/record.json   frozen
 *   active/<id>/                being written, see active-slots.ts
 *   gate.lock                   see store-gate.ts
 *   trash/                      on its way out
 *   empty/                      the lower directory of what has no parent
 *   unsynced/                   see sync-journal.ts
 *
 * A snapshot is frozen by renaming its directory out of active/, so it is there whole or not at all.
 * While it is written, its lock file names its parent; from then on, its record does. Whoever removes
 * looks for children in that order, inside the gate that getting a child needs too: none is missed.
 */
export function openOverlaySnapshotter(dir: string): Snapshotter & AsyncDisposable {
  for (const name of ['active', 'trash', 'empty']) {
    mkdirSync(join(dir, name), { recursive: true, mode: 0o700 });
  }
  const snapshotter = new OverlaySnapshotter(dir);
  sweepActive(join(dir, 'active'));
  for (const name of readdirSync(join(dir, 'trash'))) removeTree(join(dir, 'trash', name));
  return snapshotter;
}

class OverlaySnapshotter implements Snapshotter, AsyncDisposable {
  readonly #dir: string;
  readonly #journal: SyncJournal;
  readonly #gate: StoreGate;
  readonly #records = new Map<SnapshotId, CommittedSnapshot>();

  constructor(dir: string) {
    this.#dir = dir;
    this.#gate = openStoreGate(dir);
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
      const { root } = await active.mount();
      return { root, [Symbol.asyncDispose]: () => active[Symbol.asyncDispose]() };
    } catch (error) {
      await active[Symbol.asyncDispose]();
      throw error;
    }
  }

  get(id: SnapshotId): CommittedSnapshot | undefined {
    const path = join(this.#dir, id, 'record.json');
    const known = this.#records.get(id);
    // Another process may have removed it.
    if (known !== undefined) return existsSync(path) ? known : undefined;
    const record = readRecord(path, id, join(this.#dir, id, 'fs'));
    if (record !== undefined) this.#records.set(id, record);
    return record;
  }

  chain(id: SnapshotId): readonly CommittedSnapshot[] {
    const chain: CommittedSnapshot[] = [];
    for (let next: SnapshotId | undefined = id; next !== undefined;) {
      const snapshot = this.get(next);
      if (snapshot === undefined) throw snapshotNotFound(next);
      chain.push(snapshot);
      next = snapshot.parent;
    }
    return chain;
  }

  tree(id: SnapshotId | undefined): FileTree {
    return openChainTree(id === undefined ? [] : this.chain(id).map(({ dir }) => dir));
  }

  remove(id: SnapshotId): Promise<void> {
    return Promise.resolve().then(() => {
      if (this.get(id) === undefined) throw snapshotNotFound(id);
      const { removed, children } = this.#removeFree([id]);
      if (removed.length === 0) throw snapshotHasChildren(id, children.get(id)?.[0] ?? id);
    });
  }

  removeAll(ids: readonly SnapshotId[]): Promise<readonly SnapshotId[]> {
    return Promise.resolve().then(() => this.#removeFree(ids).removed);
  }

  flush(): Promise<void> {
    return this.#journal.flush();
  }

  /** Removes those of `ids` that have no children, or none that is not removed as well. */
  #removeFree(ids: readonly SnapshotId[]): {
    readonly removed: readonly SnapshotId[];
    readonly children: ReadonlyMap<SnapshotId, readonly SnapshotId[]>;
  } {
    sweepActive(join(this.#dir, 'active'));
    const removed: SnapshotId[] = [];
    const trash: string[] = [];
    const children = this.#gate.remove(() => {
      const found = this.#children();
      for (const id of childrenFirst(ids, found)) {
        trash.push(this.#hide(id));
        removed.push(id);
      }
      return found;
    });
    for (const path of trash) removeTree(path);
    return { removed, children };
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
      const record = this.get(id);
      if (record === undefined) continue;
      children.set(id, children.get(id) ?? []);
      if (record.parent !== undefined) add(record.parent, id);
    }
    return children;
  }

  #discard(id: SnapshotId): void {
    if (existsSync(join(this.#dir, id))) removeTree(this.#hide(id));
    else this.#records.delete(id);
  }

  /** Moves a snapshot out of sight, so that nobody sees half of it while it is removed. */
  #hide(id: SnapshotId): string {
    const trash = join(this.#dir, 'trash', `${id}-${randomBytes(4).toString('hex')}`);
    this.#records.delete(id);
    renameSync(join(this.#dir, id), trash);
    return trash;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }

  #open(parent: SnapshotId | undefined): ActiveSnapshot {
    const [lowers, slot] = this.#gate.enter(() => [
      parent === undefined ? [] : this.chain(parent),
      takeActiveSlot(join(this.#dir, 'active'), parent),
    ]);
    try {
      mkdirSync(slot.path, { mode: 0o700 });
      makeRoot(join(slot.path, 'fs'), lowers[0]?.dir);
    } catch (error) {
      removeTree(slot.path);
      slot.close();
      throw error;
    }
    return new OverlayActive({ base: this.#dir, slot, lowers }, (info) =>
      this.#onDisk(() => this.#commit(slot, parent, info)),
    );
  }

  #onDisk<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      throw diskError(this.#dir, error) ?? error;
    }
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
    renameSync(path, join(this.#dir, id));
    const committed = { ...record, dir: join(this.#dir, id, 'fs') };
    this.#records.set(id, committed);
    return committed;
  }
}
