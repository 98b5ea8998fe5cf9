import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { settledFiles } from './settled-files.ts';

const NOW_NS = 1_800_000_000_123_456_789n;
const MS = 1_000_000n;

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'settled-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

test('on file systems with fine clocks, files settle within a tick of the kernel', () => {
  const { dev } = statSync(dir);
  const settled = settledFiles(dir, NOW_NS);
  expect(settled.has(NOW_NS - 60n * MS, dev)).toBe(true);
  expect(settled.has(NOW_NS - 40n * MS, dev)).toBe(false);
  expect(settled.has(NOW_NS + 60n * MS, dev)).toBe(false);
});

test('elsewhere, and where only whole seconds are kept, it takes two seconds', () => {
  const { dev } = statSync(dir);
  const settled = settledFiles(dir, NOW_NS);
  const wholeSecond = NOW_NS - (NOW_NS % 1_000_000_000n);
  expect(settled.has(wholeSecond, dev)).toBe(false);
  expect(settled.has(wholeSecond - 2_000n * MS, dev)).toBe(true);
  expect(settled.has(NOW_NS - 60n * MS, dev + 1)).toBe(false);
  expect(settled.has(NOW_NS - 2_000n * MS, dev + 1)).toBe(true);
  // Of the kernel's own: no clock of ours.
  const proc = settledFiles('/proc', NOW_NS);
  expect(proc.has(NOW_NS - 60n * MS, statSync('/proc').dev)).toBe(false);
});

test('a directory that is gone has files that settle late', () => {
  const settled = settledFiles(join(dir, 'missing'), NOW_NS);
  expect(settled.has(NOW_NS - 60n * MS, statSync(dir).dev)).toBe(false);
});
