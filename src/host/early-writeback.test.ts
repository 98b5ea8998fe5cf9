import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { earlyWriteback } from './early-writeback.ts';

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'stagecraft-writeback-'));
});

afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

test('a file that the disk is told of early has all its bytes', () => {
  const path = join(dir, 'file');
  const fd = openSync(path, 'w');
  const grew = earlyWriteback(fd);
  const chunk = Buffer.alloc(5 << 20, 'some bytes ');
  let size = 0;
  for (let i = 0; i < 5; i++) {
    size += writeSync(fd, chunk);
    grew(size);
  }
  closeSync(fd);
  expect(readFileSync(path).equals(Buffer.concat(Array.from({ length: 5 }, () => chunk)))).toBe(
    true,
  );
});

test('a file that cannot be told of is nobody’s failure', () => {
  const fd = openSync('/dev/null', 'w');
  expect(() => {
    earlyWriteback(fd)(9 << 20);
  }).not.toThrow();
  closeSync(fd);
});
