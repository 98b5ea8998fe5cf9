import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Inode } from './file-tree.ts';
import { InodeTable } from './inode-table.ts';
import { inodeOf } from './node.ts';

const inode = fc.oneof(
  fc.integer({ min: 0, max: 300 }),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }).map(inodeOf),
  // Alike in their lower 32 bits.
  fc.integer({ min: 0, max: 2 ** 20 }).map((high) => high * 2 ** 32 + 7),
);

test('an InodeTable gives what a Map gives', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(inode, fc.nat(2 ** 32 - 2)), { maxLength: 2000 }), (pairs) => {
      const table = new InodeTable();
      const map = new Map<Inode, number>();
      for (const [key, number] of pairs) {
        expect(table.get(key)).toBe(map.get(key));
        table.set(key, number);
        map.set(key, number);
      }
      expect(table.size).toBe(map.size);
      for (const [key, number] of map) expect(table.get(key)).toBe(number);
    }),
    { numRuns: 50 },
  );
});

test('an InodeTable finds each of many inodes that follow one another', () => {
  const table = new InodeTable();
  for (let i = 0; i < 100_000; i++) table.set(8_000_000 + i, i);
  for (let i = 0; i < 100_000; i++) expect(table.get(8_000_000 + i)).toBe(i);
  expect(table.get(7_999_999)).toBeUndefined();
  expect(table.size).toBe(100_000);
});
