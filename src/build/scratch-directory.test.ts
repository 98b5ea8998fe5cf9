import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { openScratch, sweepScratch } from './scratch-directory.ts';

test('openScratch() makes a directory that is left alone while it is in use, and gone afterwards', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'scratch-'));
  try {
    {
      await using scratch = openScratch(dir);
      writeFileSync(join(scratch.path, 'file'), '');
      sweepScratch(dir);
      expect(existsSync(join(scratch.path, 'file'))).toBe(true);
    }
    expect(readdirSync(dir)).toEqual([]);
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test('openScratch() removes what a process left that is gone, and nothing else', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'scratch-'));
  try {
    mkdirSync(join(dir, 'scratch-1/sub'), { recursive: true });
    writeFileSync(join(dir, 'scratch-1.lock'), '');
    mkdirSync(join(dir, 'other'));
    await openScratch(dir)[Symbol.asyncDispose]();
    expect(readdirSync(dir)).toEqual(['other']);
  } finally {
    rmSync(dir, { recursive: true });
  }
});
