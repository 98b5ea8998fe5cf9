import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openSelectionMemo, type SelectionMemo } from './selection-memo.ts';
import type { SelectionState } from './selection-state.ts';

const NOW_NS = 1_000_000n;

let directory: string;
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'memo-'));
});
afterEach(() => {
  rmSync(directory, { recursive: true, force: true });
});

const open = (name = 'context'): SelectionMemo =>
  openSelectionMemo({
    file: join(directory, name),
    settled: { has: (ns, dev) => ns < NOW_NS && dev === 7 },
  });

const hex = (number: number): string => number.toString(16).padStart(64, '0');
const state = (number: number, more: Partial<SelectionState> = {}): SelectionState => ({
  digest: hex(number),
  files: 5000,
  newestNs: NOW_NS - 1n,
  devices: new Set([7]),
  ...more,
});

function fileOf(): string {
  const [name] = readdirSync(directory);
  return join(directory, name ?? '');
}

test('a hash is known in the next process, by its state and its context', () => {
  const memo = open();
  memo.put(state(1), hex(10));
  memo.put(state(2), hex(20));
  memo.save();
  expect([1, 2, 3].map((each) => open().get(state(each)))).toEqual([hex(10), hex(20), undefined]);
  expect(open('other').get(state(1))).toBeUndefined();
});

test('files that have not settled, on any of their devices, are not remembered', () => {
  const memo = open();
  memo.put(state(1, { newestNs: NOW_NS }), hex(10));
  memo.put(state(2, { devices: new Set([7, 8]) }), hex(20));
  expect([memo.get(state(1)), memo.get(state(2))]).toEqual([undefined, undefined]);
  memo.save();
  expect(readdirSync(directory)).toEqual([]);
});

test('a few files are not worth it', () => {
  const memo = open();
  memo.put(state(1, { files: 999 }), hex(10));
  memo.save();
  expect(readdirSync(directory)).toEqual([]);
});

test('of many states the last ones stay', () => {
  const memo = open();
  for (let i = 0; i < 100; i++) memo.put(state(i), hex(i + 1000));
  memo.put(state(10), hex(1010));
  memo.save();
  const again = open();
  const kept = Array.from({ length: 100 }, (_, i) => i).filter((i) => again.get(state(i)));
  expect(kept).toEqual([10, ...Array.from({ length: 63 }, (_, i) => i + 37)]);
});

test('a damaged file is an empty one', () => {
  const memo = open();
  memo.put(state(1), hex(10));
  memo.save();
  const good = readFileSync(fileOf(), 'utf8');
  const damages = [
    '',
    'other\n',
    good.slice(0, -10),
    good.replace(hex(10), hex(11)),
    good.replace('1\n', '2\n'),
    '\0'.repeat(good.length),
  ];
  for (const damaged of damages) {
    writeFileSync(fileOf(), damaged);
    expect(open().get(state(1))).toBeUndefined();
  }
});

test('nothing new, nothing written', () => {
  const memo = open();
  memo.put(state(1), hex(10));
  memo.save();
  rmSync(fileOf());
  memo.save();
  expect(readdirSync(directory)).toEqual([]);
});
