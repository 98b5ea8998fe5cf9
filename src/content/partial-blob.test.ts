import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { hexOf } from '../core/digest.ts';
import { digestOf } from '../core/sha256.ts';
import { openDiskBlobStore, type DiskBlobStore } from './disk-blob-store.ts';
import type { OpenAt } from './partial-blob.ts';

const { signal } = new AbortController();
const BYTES = Buffer.alloc(300_000, 'some bytes');
const EXPECTED = { digest: digestOf(BYTES), size: BYTES.length };

let dir: string;
let blobs: DiskBlobStore;
/** Offsets that were asked for. */
let asked: number[];

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'partial-'));
  blobs = openDiskBlobStore(dir);
  asked = [];
});
afterEach(() => rmSync(dir, { recursive: true }));

/** The bytes, or those up to `end`, after which it fails. */
function from(bytes: Buffer, end?: number): OpenAt {
  return (offset) => {
    asked.push(offset);
    return Promise.resolve(
      (async function* () {
        await Promise.resolve();
        for (let at = offset; at < (end ?? bytes.length); at += 50_000) {
          yield bytes.subarray(at, Math.min(at + 50_000, end ?? bytes.length));
        }
        if (end !== undefined) throw new Error('the connection broke');
      })(),
    );
  };
}

function leftovers(): readonly string[] {
  return readdirSync(join(dir, 'tmp'));
}

describe('writeResumable()', () => {
  test('goes on where an interrupted call was, also in another process', async () => {
    await expect(blobs.writeResumable(EXPECTED, from(BYTES, 120_000), signal)).rejects.toThrow(
      'the connection broke',
    );
    expect(blobs.sizeOf(EXPECTED.digest)).toBeUndefined();
    const later = openDiskBlobStore(dir);
    await later.writeResumable(EXPECTED, from(BYTES), signal);
    expect(asked).toEqual([0, 120_000]);
    expect(later.readBytes(EXPECTED.digest, BYTES.length)).toEqual(BYTES);
    expect(leftovers()).toEqual([]);
  });

  test('asks for nothing when all bytes had come', async () => {
    await expect(
      blobs.writeResumable(EXPECTED, from(BYTES, BYTES.length), signal),
    ).rejects.toThrow();
    await blobs.writeResumable(EXPECTED, from(BYTES), signal);
    expect(asked).toEqual([0]);
    expect(blobs.sizeOf(EXPECTED.digest)).toBe(BYTES.length);
  });

  test.each([
    ['other bytes', Buffer.alloc(100_000, 'x')],
    ['too many bytes', Buffer.alloc(400_000, 'x')],
  ])('begins anew when there are %s', async (_, there) => {
    writeFileSync(join(dir, 'tmp', `partial-${hexOf(EXPECTED.digest)}`), there);
    await blobs.writeResumable(EXPECTED, from(BYTES), signal);
    expect(asked.at(-1)).toBe(0);
    expect(blobs.readBytes(EXPECTED.digest, BYTES.length)).toEqual(BYTES);
  });

  test.each([
    ['other bytes', Buffer.alloc(BYTES.length, 'x'), 'BLOB_DIGEST_MISMATCH'],
    ['a byte too many', Buffer.concat([BYTES, Buffer.from('!')]), 'BLOB_SIZE_MISMATCH'],
    ['a byte too few', BYTES.subarray(1), 'BLOB_SIZE_MISMATCH'],
  ])('keeps nothing when %s come', async (_, bytes, code) => {
    await expect(blobs.writeResumable(EXPECTED, from(bytes), signal)).rejects.toMatchObject({
      code,
    });
    expect(blobs.sizeOf(EXPECTED.digest)).toBeUndefined();
    expect(leftovers()).toEqual([]);
  });
});

test('writeResumable() leaves no file of a download that did not begin', async () => {
  const refused = (): Promise<never> => Promise.reject(new Error('it wants credentials'));
  await expect(blobs.writeResumable(EXPECTED, refused, signal)).rejects.toThrow('credentials');
  expect(leftovers()).toEqual([]);
});

test('removePartials() takes what is left and no more', async () => {
  await expect(blobs.writeResumable(EXPECTED, from(BYTES, 120_000), signal)).rejects.toThrow();
  writeFileSync(join(dir, 'tmp', 'other'), 'x');
  expect(blobs.removePartials()).toBe(120_000);
  expect(leftovers()).toEqual(['other']);
});

test('origins are kept newest first, go with their blob, and survive damage', () => {
  const digest = blobs.writeBytes(BYTES);
  for (const name of ['r.io/a', 'r.io/b', 'r.io/a']) blobs.origins.note(digest, name);
  expect(blobs.origins.of(digest)).toEqual(['r.io/a', 'r.io/b']);
  blobs.removeAll([digest], () => new Set());
  expect(blobs.origins.of(digest)).toEqual([]);
  expect(existsSync(join(dir, 'blobs/origins', hexOf(digest)))).toBe(false);
  writeFileSync(join(dir, 'blobs/origins', hexOf(digest)), Buffer.alloc(100_000));
  expect(blobs.origins.of(digest)).toEqual([]);
});
