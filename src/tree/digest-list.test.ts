import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { decodeDigestList, DigestList } from './digest-list.ts';

const PLACE = { ino: 2n ** 63n + 7n, ctimeNs: 1_700_000_000_123_456_789n };
const digestOf = (inode: number): Buffer => createHash('sha256').update(String(inode)).digest();

/** What is written for a list. */
function bytesOf(list: DigestList, ...how: Parameters<DigestList['encode']>): Buffer {
  return Buffer.concat(list.encode(...how));
}

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
      const stored = decodeDigestList(bytesOf(list, PLACE, []), PLACE);
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
  expect(decodeDigestList(bytesOf(listOf([]), PLACE, []), PLACE)?.sources).toEqual([]);
  expect(decodeDigestList(bytesOf(listOf([3, 1]), PLACE, ['one', 'two']), PLACE)?.sources).toEqual([
    'one',
    'two',
  ]);
});

test('the same files give the same bytes, whatever order they came in', () => {
  expect(bytesOf(listOf([9, 2, 4]), PLACE, [])).toEqual(bytesOf(listOf([4, 9, 2]), PLACE, []));
});

test('a list that is written takes along what another one has', () => {
  fc.assert(
    fc.property(inodes, inodes, (before, added) => {
      const stored = decodeDigestList(bytesOf(listOf(before), PLACE, ['one']), PLACE);
      const bytes = bytesOf(listOf(added), PLACE, ['one'], stored);
      expect(bytes).toEqual(bytesOf(listOf([...new Set([...before, ...added])]), PLACE, ['one']));
    }),
    { numRuns: 60 },
  );
});

test('of two digests of one file the last one counts, and those of a list before those it takes along', () => {
  const stored = decodeDigestList(bytesOf(listOf([1, 2]), PLACE, []), PLACE);
  const list = new DigestList();
  for (const value of [7, 8]) list.add(2, digestOf(value));
  list.add(1, digestOf(9));
  const written = decodeDigestList(bytesOf(list, PLACE, [], stored), PLACE);
  expect([1, 2].map((inode) => written?.get(inode))).toEqual([9, 8].map(digestOf));
});

test('bytes that were cut off or changed are no list', () => {
  const bytes = bytesOf(listOf([1, 2, 3]), PLACE, ['one']);
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
  const bytes = bytesOf(listOf([1, 2]), PLACE, []);
  for (const place of [
    { ...PLACE, ino: 7n },
    { ...PLACE, ctimeNs: PLACE.ctimeNs + 1n },
  ]) {
    expect(decodeDigestList(bytes, place)).toBeUndefined();
  }
});

test('a count that the bytes do not hold is no list, though the checksum is right', () => {
  const bytes = bytesOf(listOf([1]), PLACE, []);
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
  expect(decodeDigestList(bytesOf(list, PLACE, []), PLACE)?.get(2n ** 53n)).toBeUndefined();
});
