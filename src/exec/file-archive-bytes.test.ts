import { execFileSync } from 'node:child_process';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { BuildError } from '../diagnostics/build-error.ts';
import type { BytePath } from '../core/bytes.ts';
import type { ReadEntry } from '../layer/tar-read.ts';
import { plainBytes } from './file-archive-bytes.ts';
import { boundedEntries } from './file-archive.ts';

const NAME = '/a.tar' as BytePath;
const ZEROS = Buffer.alloc(4_000_000);
const NO_LIMIT = { bytes: 1e9, ratio: 1e9, ratioFromBytes: 0 };

async function* chunksOf(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += 50) {
    yield await Promise.resolve(bytes.subarray(at, at + 50));
  }
}

async function sizeOf(packed: Uint8Array, limits: object): Promise<number> {
  const bytes = plainBytes(chunksOf(packed), NAME, new AbortController().signal, {
    ...NO_LIMIT,
    ...limits,
  });
  let size = 0;
  for await (const chunk of bytes) size += chunk.length;
  return size;
}

async function refusal(work: Promise<unknown>): Promise<readonly unknown[]> {
  const error: unknown = await work.catch((each: unknown) => each);
  if (!(error instanceof BuildError)) throw new Error('Nothing was refused');
  return [error.code, error.message, error.hint];
}

const HINT = 'Make several archives of it, or use COPY to take it as it is';

describe.each<[string, () => Uint8Array]>([
  ['gzip', () => gzipSync(ZEROS)],
  ['bzip2', () => execFileSync('bzip2', ['-c'], { input: ZEROS })],
  ['xz', () => execFileSync('xz', ['-c'], { input: ZEROS })],
  ['zstd', () => execFileSync('zstd', ['-qc'], { input: ZEROS })],
  ['nothing', () => ZEROS],
])('An archive compressed with %s', (kind, pack) => {
  test('stops at the largest size', async () => {
    const packed = pack();
    expect(await refusal(sizeOf(packed, { bytes: 1_000_000 }))).toEqual([
      'ARCHIVE_TOO_LARGE',
      'Cannot unpack "/a.tar": it has more than 1000000 bytes',
      HINT,
    ]);
    expect(await sizeOf(packed, { bytes: 4_000_000 })).toBe(4_000_000);
  });

  test.skipIf(kind === 'nothing')('may not grow too much', async () => {
    const [code, message] = await refusal(sizeOf(pack(), { ratio: 100 }));
    expect(code).toBe('ARCHIVE_TOO_LARGE');
    expect(message).toMatch(/^Cannot unpack "\/a\.tar": \d+ compressed bytes became \d+$/);
  });
});

test('An archive stops at the largest number of entries', async () => {
  async function* entries(): AsyncGenerator<ReadEntry> {
    for (const name of ['/a', '/b', '/c']) {
      yield await Promise.resolve({ entry: { name } } as unknown as ReadEntry);
    }
  }
  const all = async (max: number): Promise<number> => {
    let count = 0;
    for await (const entry of boundedEntries(entries(), max)) count += entry.entry.name.length / 2;
    return count;
  };
  expect(await all(3)).toBe(3);
  expect(await refusal(all(2))).toEqual([
    'ARCHIVE_TOO_LARGE',
    'Cannot unpack "/c": it is entry 3, and 2 are the limit',
    HINT,
  ]);
});
