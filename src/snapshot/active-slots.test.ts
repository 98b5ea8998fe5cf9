import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { tryLock } from '../host/lock.ts';
import { activeParents, sweepActive, takeActiveSlot } from './active-slots.ts';
import type { SnapshotId } from './snapshotter.ts';

let active: string;
beforeEach(() => {
  active = mkdtempSync(join(tmpdir(), 'active-slots-'));
});
afterEach(() => {
  rmSync(active, { recursive: true });
});

const FIRST = '00000000000a' as SnapshotId;
const SECOND = '00000000000b' as SnapshotId;

test('takeActiveSlot() takes another id when a sweeper holds the lock file of the first', () => {
  const sweeper = tryLock(join(active, `${FIRST}.lock`), 'exclusive');
  const ids = [FIRST, SECOND];
  const slot = takeActiveSlot(active, undefined, () => ids.shift() ?? SECOND);
  expect(slot.id).toBe(SECOND);
  slot.close();
  sweeper?.release();
});

test('activeParents() knows the parents of what is written, until it is closed', () => {
  const slot = takeActiveSlot(active, FIRST);
  takeActiveSlot(active, undefined).close();
  expect([...activeParents(active)]).toEqual([[FIRST, slot.id]]);
  slot.close();
  expect(activeParents(active).size).toBe(0);
});

test('sweepActive() leaves what is being written and takes what nobody holds', () => {
  const slot = takeActiveSlot(active, undefined);
  mkdirSync(slot.path);
  const left = tryLock(join(active, `${FIRST}.lock`), 'exclusive');
  left?.release();
  mkdirSync(join(active, FIRST));
  sweepActive(active);
  expect(readdirSync(active).sort()).toEqual([slot.id, `${slot.id}.lock`].sort());
  expect(existsSync(slot.path)).toBe(true);
  slot.close();
});
