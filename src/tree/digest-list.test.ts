import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeDigestList, DigestList } from './digest-list.ts';

const PLACE = { ino: 2n ** 63n + 7n, ctimeNs: 1_700_000_000_123_456_789n };
const digestOf = (inode: number): Buffer => createHash('sha256').update(String(inode)).digest();

function listOf(inodes: readonly number[]): DigestList {
  const list = new DigestList();
  for (const inode of inodes) list.add(inode, digestOf(inode));
  return list;
}

const inodes = fc.uniqueArray(fc.integer({ min: 1, max: 2 ** 40 }), { maxLength: 700 });

test('what was added is found, before and after it was written down, and nothing else is', () => {
  fc.assert(
    fc.property(inodes, fc.integer({ min: 1, max: 2 ** 40 }), (added, other) => {
      const list = listOf(added);
      const stored = decodeDigestList(list.encode(PLACE, []), PLACE);
      for (const inode of added) {
        expect(list.get(inode)).toEqual(digestOf(inode));
        expect(stored?.get(inode)).toEqual(digestOf(inode));
      }
      if (added.includes(other)) return;
      expect([list.get(other), stored?.get(other)]).toEqual([undefined, undefined]);
    }),
    { numRuns: 30 },
  );
});

test('an inode that is added after a search is found as well', () => {
  const list = listOf([5]);
  expect(list.get(6)).toBeUndefined();
  list.add(6, digestOf(6));
  expect(list.get(6)).toEqual(digestOf(6));
  expect(list.size).toBe(2);
});

test('the names of other lists are kept with it', () => {
  expect(decodeDigestList(listOf([]).encode(PLACE, []), PLACE)?.sources).toEqual([]);
  expect(decodeDigestList(listOf([3, 1]).encode(PLACE, ['one', 'two']), PLACE)?.sources).toEqual([
    'one',
    'two',
  ]);
});

test('the same files give the same bytes, whatever order they came in', () => {
  expect(listOf([9, 2, 4]).encode(PLACE, [])).toEqual(listOf([4, 9, 2]).encode(PLACE, []));
});

test('a list that is written takes along what another one has', () => {
  fc.assert(
    fc.property(inodes, inodes, (before, added) => {
      const stored = decodeDigestList(listOf(before).encode(PLACE, ['one']), PLACE);
      const bytes = listOf(added).encode(PLACE, ['one'], stored);
      expect(bytes).toEqual(listOf([...new Set([...before, ...added])]).encode(PLACE, ['one']));
    }),
    { numRuns: 60 },
  );
});

test('of two digests of one file the last one counts, and those of a list before those it takes along', () => {
  const stored = decodeDigestList(listOf([1, 2]).encode(PLACE, []), PLACE);
  const list = new DigestList();
  for (const value of [7, 8]) list.add(2, digestOf(value));
  list.add(1, digestOf(9));
  const written = decodeDigestList(list.encode(PLACE, [], stored), PLACE);
  expect([1, 2].map((inode) => written?.get(inode))).toEqual([9, 8].map(digestOf));
});

test('bytes that were cut off or changed are no list', () => {
  const bytes = listOf([1, 2, 3]).encode(PLACE, ['one']);
  for (const length of [0, 10, 63, 70, bytes.length - 1]) {
    expect(decodeDigestList(bytes.subarray(0, length), PLACE)).toBeUndefined();
  }
  for (const at of [0, 40, 70, bytes.length - 1]) {
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ 1;
    expect(decodeDigestList(changed, PLACE)).toBeUndefined();
  }
});

test('a list of another directory, or of one that was made anew, is no list', () => {
  const bytes = listOf([1, 2]).encode(PLACE, []);
  for (const place of [
    { ...PLACE, ino: 7n },
    { ...PLACE, ctimeNs: PLACE.ctimeNs + 1n },
  ]) {
    expect(decodeDigestList(bytes, place)).toBeUndefined();
  }
});

test('a count that the bytes do not hold is no list, though the checksum is right', () => {
  const bytes = listOf([1]).encode(PLACE, []);
  for (const count of [2, 1e18, -1, Number.NaN]) {
    const changed = Buffer.from(bytes);
    changed.writeDoubleLE(count, 80);
    createHash('sha256').update(changed.subarray(64)).digest().copy(changed, 32);
    expect(decodeDigestList(changed, PLACE)).toBeUndefined();
  }
});

test('an inode that a number cannot tell from the next one is left out', () => {
  const list = listOf([2 ** 53, 2 ** 53 - 1]);
  list.add(2n ** 53n, digestOf(1));
  expect(list.size).toBe(1);
  expect(list.get(2n ** 53n)).toBeUndefined();
  expect(decodeDigestList(list.encode(PLACE, []), PLACE)?.get(2n ** 53n)).toBeUndefined();
});
