import { linkSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { measureUpper } from './measure-upper.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'measure-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

describe('measureUpper()', () => {
  test('finds nothing in an empty directory', () => {
    expect(measureUpper(dir)).toEqual({ bytes: 0, entries: 0, isEmpty: true });
  });

  test('counts a hard-linked file once and follows no symlink', () => {
    mkdirSync(join(dir, 'bin'));
    writeFileSync(join(dir, 'bin/app'), 'x'.repeat(1000));
    linkSync(join(dir, 'bin/app'), join(dir, 'app'));
    symlinkSync('/usr', join(dir, 'usr'));
    expect(measureUpper(dir)).toEqual({ bytes: 1000, entries: 4, isEmpty: false });
  });
});
