import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { DiffId } from '../core/digest.ts';
import { bytesOf, type Block } from './blocks.ts';
import { CHUNK_BYTES } from './chunk-ring.ts';
import { GZIP_BLOCK_BYTES, gzipBlocks, gzipStream } from './compress.ts';
import { layerTar } from './layer-tar.ts';
import { measureLayer } from './measure-layer.ts';
import { layerTarAside, TarAsideFailure } from './tar-aside.ts';

const options = { clampMtime: 1_000_000_000 };
const { signal } = new AbortController();
/** Large enough for a thread, in files that are cut by the ends of blocks. */
const FILES = 25;
const FILE_BYTES = 1_000_003;
let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'stagecraft-tar-aside-'));
  mkdirSync(join(dir, 'sub'));
  for (let i = 0; i < FILES; i++) {
    const text = `line ${String(i)} of ${'many '.repeat(i)}\n`;
    writeFileSync(join(dir, 'sub', String(i)), Buffer.alloc(FILE_BYTES, text));
  }
});

afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

function open(expected: { diffId: DiffId; size: number }): AsyncIterable<Block> {
  const blocks = layerTarAside(dir, options, expected);
  if (blocks === undefined) throw new Error('This test needs a second processor');
  return blocks;
}

async function collect(chunks: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const all: Buffer[] = [];
  for await (const chunk of chunks) all.push(Buffer.from(chunk));
  return Buffer.concat(all);
}

test('another thread gives the tar that this one would, in blocks as gzip wants them', async () => {
  const facts = await measureLayer(dir, options, signal);
  const here = await collect(layerTar(dir, options, signal));
  const sizes: number[] = [];
  const aside: Buffer[] = [];
  for await (const { bytes, release } of open(facts)) {
    sizes.push(bytes.length);
    aside.push(Buffer.from(bytes));
    release();
  }
  expect(Buffer.concat(aside).equals(here)).toBe(true);
  expect(CHUNK_BYTES).toBe(GZIP_BLOCK_BYTES);
  expect(new Set(sizes.slice(0, -1))).toEqual(new Set([GZIP_BLOCK_BYTES]));
});

test('what it gives is compressed to the same bytes', async () => {
  const facts = await measureLayer(dir, options, signal);
  const aside = await collect(gzipBlocks(open(facts), { level: 5 }, signal));
  const here = await collect(gzipStream(layerTar(dir, options, signal), { level: 5 }, signal));
  expect(aside.equals(here)).toBe(true);
});

test('another layer than the expected one is a failure at its end', async () => {
  const { diffId, size } = await measureLayer(dir, options, signal);
  writeFileSync(join(dir, 'sub', '0'), Buffer.alloc(FILE_BYTES, 'x'));
  const blocks = open({ diffId, size });
  await expect(collect(bytesOf(blocks))).rejects.toThrow(TarAsideFailure);
});

test('what cannot be read is a failure', async () => {
  const facts = await measureLayer(dir, options, signal);
  rmSync(dir, { recursive: true });
  await expect(collect(bytesOf(open(facts)))).rejects.toThrow(TarAsideFailure);
});

test('whoever stops reading ends the thread', async () => {
  const facts = await measureLayer(dir, options, signal);
  let count = 0;
  for await (const { release } of open(facts)) {
    release();
    if (++count === 2) break;
  }
  expect(count).toBe(2);
});

test('small layers need no thread', async () => {
  const { diffId } = await measureLayer(dir, options, signal);
  expect(layerTarAside(dir, options, { diffId, size: 1 << 20 })).toBeUndefined();
});
