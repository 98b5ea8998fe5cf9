import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { tryLock, type Lock } from '../host/lock.ts';
import { utimesNs } from '../host/sys.ts';
import { openChainTree } from '../tree/chain-tree.ts';
import type { FileTree } from '../tree/file-tree.ts';
import { snapshotHasChildren, snapshotNotFound } from './errors.ts';
import { mountOverlay, unmountOverlay } from './overlay-mount.ts';
import type {
  ActiveSnapshot,
  CommittedSnapshot,
  MountedView,
  SnapshotId,
  SnapshotInfo,
  Snapshotter,
} from './snapshotter.ts';
import { openSyncJournal, type SyncJournal } from './sync-journal.ts';

/**
 * Snapshots as overlayfs directories below `dir`:
 *
 *   <id>/fs, <id>/record.json   frozen
 *   active/<id>/                being written; active/<id>.lock is held by whoever writes
 *   trash/                      on its way out
 *   empty/                      the lower directory of what has no parent
 *   unsynced/                   see sync-journal.ts
 *
 * A snapshot is frozen by renaming its directory out of active/, so it is there whole or not at all.
 */
export function openOverlaySnapshotter(dir: string): Snapshotter & AsyncDisposable {
  for (const name of ['active', 'trash', 'empty']) {
    mkdirSync(join(dir, name), { recursive: true, mode: 0o700 });
  }
  const snapshotter = new OverlaySnapshotter(dir);
  sweep(dir);
  return snapshotter;
}

/** Removes what a process that is gone left behind. */
function sweep(dir: string): void {
  const active = join(dir, 'active');
  for (const name of readdirSync(active)) {
    if (!name.endsWith('.lock')) continue;
    const lock = tryLock(join(active, name), 'exclusive');
    if (lock === undefined) continue;
    rmSync(join(active, name.slice(0, -'.lock'.length)), { recursive: true, force: true });
    unlinkSync(join(active, name));
    lock.release();
  }
  for (const name of readdirSync(join(dir, 'trash'))) {
    rmSync(join(dir, 'trash', name), { recursive: true, force: true });
  }
}

/** Letters and digits: 60 bits, and short enough for hundreds in one page of mount options. */
function newId(): SnapshotId {
  const bits = randomBytes(8).readBigUInt64BE() >> 4n;
  return bits.toString(36).padStart(12, '0') as SnapshotId;
}

class OverlaySnapshotter implements Snapshotter, AsyncDisposable {
  readonly #dir: string;
  readonly #journal: SyncJournal;
  readonly #records = new Map<SnapshotId, CommittedSnapshot>();

  constructor(dir: string) {
    this.#dir = dir;
    this.#journal = openSyncJournal(dir, (id) => {
      if (isId(id)) this.#discard(id);
    });
  }

  prepare(parent: SnapshotId | undefined, signal: AbortSignal): Promise<ActiveSnapshot> {
    return Promise.resolve().then(() => {
      signal.throwIfAborted();
      return this.#open(parent);
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
      const child = this.#ids().find((other) => this.get(other)?.parent === id);
      if (child !== undefined) throw snapshotHasChildren(id, child);
      this.#discard(id);
    });
  }

  flush(): void {
    this.#journal.flush();
  }

  /** Moves a snapshot out of sight first, so that nobody sees half of it. */
  #discard(id: SnapshotId): void {
    const trash = join(this.#dir, 'trash', `${id}-${randomBytes(4).toString('hex')}`);
    this.#records.delete(id);
    if (!existsSync(join(this.#dir, id))) return;
    renameSync(join(this.#dir, id), trash);
    rmSync(trash, { recursive: true, force: true });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve();
  }

  #open(parent: SnapshotId | undefined): ActiveSnapshot {
    const lowers = parent === undefined ? [] : this.chain(parent);
    const id = newId();
    const path = join(this.#dir, 'active', id);
    const lock = tryLock(`${path}.lock`, 'exclusive');
    if (lock === undefined) throw new Error(`Snapshot ${id} is locked`);
    mkdirSync(path, { mode: 0o700 });
    makeRoot(join(path, 'fs'), lowers[0]?.dir);
    return new OverlayActive({ base: this.#dir, path, id, parent, lowers, lock }, (info) =>
      this.#commit(id, parent, path, info),
    );
  }

  #commit(
    id: SnapshotId,
    parent: SnapshotId | undefined,
    path: string,
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

  #ids(): SnapshotId[] {
    return readdirSync(this.#dir).filter((name): name is SnapshotId => isId(name));
  }
}

interface ActiveParts {
  readonly base: string;
  readonly path: string;
  readonly id: SnapshotId;
  readonly parent: SnapshotId | undefined;
  readonly lowers: readonly CommittedSnapshot[];
  readonly lock: Lock;
}

class OverlayActive implements ActiveSnapshot {
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
    this.id = parts.id;
    this.upper = join(parts.path, 'fs');
    this.parentTree = openChainTree(parts.lowers.map(({ dir }) => dir));
  }

  get tree(): FileTree {
    const lowers = this.#parts.lowers.map(({ dir }) => dir);
    return openChainTree([this.upper, ...lowers], { isTopWritable: true });
  }

  mount(): Promise<MountedView> {
    return Promise.resolve().then(() => {
      const { base, path, lowers, id } = this.#parts;
      const root = join(path, 'merged');
      const own = `active/${id}`;
      for (const name of ['merged', 'work']) mkdirSync(join(path, name), { mode: 0o700 });
      mountOverlay({
        base,
        lowers: lowers.length === 0 ? ['empty'] : lowers.map((lower) => `${lower.id}/fs`),
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
      rmSync(this.#parts.path, { recursive: true, force: true });
      this.#close();
    });
  }

  #unmount(): void {
    if (!this.#isMounted) return;
    const { path } = this.#parts;
    unmountOverlay(join(path, 'merged'));
    this.#isMounted = false;
    for (const name of ['merged', 'work', 'links']) {
      rmSync(join(path, name), { recursive: true, force: true });
    }
  }

  #close(): void {
    this.#isOpen = false;
    unlinkSync(`${this.#parts.path}.lock`);
    this.#parts.lock.release();
  }
}

/**
 * The root directory of a snapshot is the root of the mounted view as well: it takes mode, owner and
 * time of its parent's, and is 0755 where there is none. Not what the umask leaves of it.
 */
function makeRoot(path: string, parentDir: string | undefined): void {
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

function isId(text: string): text is SnapshotId {
  return /^[0-9a-z]{12}$/.test(text);
}

function readRecord(path: string, id: SnapshotId, dir: string): CommittedSnapshot | undefined {
  if (!isId(id)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { parent, bytes, entries, isEmpty } = value as Partial<Record<string, unknown>>;
  if (typeof bytes !== 'number' || typeof entries !== 'number') return undefined;
  if (typeof isEmpty !== 'boolean') return undefined;
  if (parent !== undefined && !(typeof parent === 'string' && isId(parent))) return undefined;
  return { id, parent, bytes, entries, isEmpty, dir };
}
