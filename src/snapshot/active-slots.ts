import { randomBytes } from 'node:crypto';
import { readdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { tryLock, type Lock } from '../host/lock.ts';
import { removeTree } from './remove-tree.ts';
import type { SnapshotId } from './snapshotter.ts';

/**
 * Who is writing what, seen by all processes that share a store:
 *
 *   active/<id>.<parent>.lock   held by the writer until it commits or gives up; no parent is no second name
 *   active/<id>/                what is written
 *
 * A lock file that nobody holds was left by a process that is gone. The parent is in the name, as taking an
 * empty file away costs next to nothing, and one with a block up to a millisecond.
 */
export interface ActiveSlot {
  readonly id: SnapshotId;
  /** Host path for the directory. Not made here. */
  readonly path: string;
  /** Gives the slot up. The directory has to be gone by then. */
  close(): void;
}

/** Takes a new id in `active`, and notes its parent. Call inside the store's gate. */
export function takeActiveSlot(
  active: string,
  parent: SnapshotId | undefined,
  makeId: () => SnapshotId = newId,
): ActiveSlot {
  for (;;) {
    const id = makeId();
    const path = join(active, id);
    const name = parent === undefined ? path : `${path}.${parent}`;
    const lock = tryLock(`${name}.lock`, 'exclusive');
    // Between making and locking the file, somebody who sweeps may have taken it for a left-over.
    if (lock === undefined) continue;
    return { id, path, close: () => removeLock(lock) };
  }
}

/** Parents of everything that is being written, each with one of its children. */
export function activeParents(active: string): Map<SnapshotId, SnapshotId> {
  const parents = new Map<SnapshotId, SnapshotId>();
  for (const { id, parent } of slotsIn(active)) if (parent !== undefined) parents.set(parent, id);
  return parents;
}

/** Removes what processes that are gone have left. */
export function sweepActive(active: string): void {
  for (const { id, name } of slotsIn(active)) {
    const lock = tryLock(join(active, name), 'exclusive');
    if (lock === undefined) continue;
    removeTree(join(active, id));
    removeLock(lock);
  }
}

/** Letters and digits: 60 bits, and short enough for hundreds in one page of mount options. */
function newId(): SnapshotId {
  const bits = randomBytes(8).readBigUInt64BE() >> 4n;
  return bits.toString(36).padStart(12, '0') as SnapshotId;
}

/** True for text that `newId` may have made: safe as a file name, and no other name of a store. */
export function isSnapshotId(text: string): text is SnapshotId {
  return /^[0-9a-z]{12}$/.test(text);
}

interface NamedSlot {
  /** Of the lock file. */
  readonly name: string;
  readonly id: SnapshotId;
  readonly parent: SnapshotId | undefined;
}

function slotsIn(active: string): NamedSlot[] {
  return readdirSync(active).flatMap((name) => {
    const [id = '', parent] = name.endsWith('.lock') ? name.split('.').slice(0, -1) : [];
    if (!isSnapshotId(id)) return [];
    return { name, id, parent: parent !== undefined && isSnapshotId(parent) ? parent : undefined };
  });
}

/** The name goes first: whoever locks the file after that finds that it has none. */
function removeLock(lock: Lock): void {
  unlinkSync(lock.path);
  lock.release();
}
