import { mkdtempSync, readdirSync, rmSync, truncateSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { BytePath } from '../core/bytes.ts';
import type { FileState } from './file-tree.ts';
import { openHashCache, type HashCache } from './hash-cache.ts';

const NOW_NS = 10_000_000_000n;
/** More than are written at once. */
const MANY = 10_000;

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'hash-cache-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

function open(): HashCache {
  return openHashCache({ file: join(dir, 'digests'), settled: { has: (ns) => ns < NOW_NS } });
}

/** A file that was touched long ago, or, with `isYoung`, just now. */
function file(number: number, isYoung = false): FileState {
  const path = `/f${String(number)}` as BytePath;
  const touched = isYoung ? NOW_NS : 5n;
  const times = { mtimeNs: 5n, ctimeNs: touched };
  return { path, hostPath: path, dev: 7, ino: number + 1, size: number, ...times };
}

function digest(number: number): Buffer {
  const bytes = Buffer.alloc(32);
  bytes.writeUInt32LE(number, 28);
  return bytes;
}

test('many digests are found again by later builds, but for files that may have changed unseen', () => {
  const first = open();
  for (let i = 0; i < MANY; i++) first.put(file(i, i % 5 === 0), digest(i));
  first.save();
  const second = open();
  for (let i = 0; i < MANY; i++) {
    expect(second.get(file(i, i % 5 === 0))).toEqual(i % 5 === 0 ? undefined : digest(i));
  }
});

test('what a later build reads goes beside what was there, and in place of it', () => {
  const first = open();
  for (let i = 0; i < MANY; i++) first.put(file(i), digest(i));
  first.save();
  const second = open();
  for (let i = 0; i < 5000; i++) second.get(file(i));
  second.put({ ...file(3), size: 99 }, digest(77));
  second.put(file(MANY), digest(MANY));
  second.save();
  const third = open();
  expect(third.get({ ...file(3), size: 99 })).toEqual(digest(77));
  expect(third.get(file(3))).toBeUndefined();
  for (const i of [0, 4, MANY - 1, MANY]) expect(third.get(file(i))).toEqual(digest(i));
});

test('a file that was cut off is an empty one', () => {
  const first = open();
  for (let i = 0; i < MANY; i++) first.put(file(i), digest(i));
  first.save();
  const [name = ''] = readdirSync(dir);
  truncateSync(join(dir, name), 72 * 5000);
  expect(open().get(file(0))).toBeUndefined();
});
