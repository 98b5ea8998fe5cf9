import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { textToBytes } from '../core/bytes.ts';
import { openBatchPool, type BatchPool } from '../host/batch-pool.ts';
import { utimesNs } from '../host/sys.ts';
import { fileState } from '../tree/file-digest.ts';
import type { TreeNode } from '../tree/file-tree.ts';
import { readNode } from '../tree/node.ts';
import { PLAIN_COPIES, type CopiedInode, type PlainCopy } from './plain-copy.ts';

let dir: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'stagecraft-copies-'));
  mkdirSync(join(dir, 'from'));
  mkdirSync(join(dir, 'to'));
});

afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

/** More than one thread does alone, in many batches. */
const MANY = 1400;
const MTIME_NS = 1_234_567_890_123_456_789n;

function makeCopies(count: number): PlainCopy[] {
  return Array.from({ length: count }, (_, i) => {
    const text = `text of file ${String(i)}\n`.repeat((i % 7) + 1);
    const from = join(dir, `from/${String(i)}`);
    writeFileSync(from, text);
    utimesNs(from, MTIME_NS, MTIME_NS);
    return {
      source: fileState(nodeAt(from, `/from/${String(i)}`)),
      to: textToBytes(join(dir, `to/${String(i)}`)),
      toPath: textToBytes(`/to/${String(i)}`),
      uid: process.getuid?.() ?? 0,
      gid: process.getgid?.() ?? 0,
      mode: i % 2 === 0 ? 0o644 : 0o4711,
    };
  });
}

async function copyAll(
  pool: BatchPool<PlainCopy, CopiedInode | undefined>,
  copies: readonly PlainCopy[],
): Promise<(CopiedInode | undefined)[]> {
  const results: (CopiedInode | undefined)[] = [];
  for (const copy of copies) pool.add(copy, (inode) => results.push(inode));
  await pool.finish();
  return results;
}

function nodeAt(file: string, path: string): TreeNode {
  const node = readNode(textToBytes(file), textToBytes(path));
  if (node === undefined) throw new TypeError(`No ${file}`);
  return node;
}

test.each([0, 2])('%i helpers: every file arrives, with mode and time', async (helpers) => {
  const copies = makeCopies(MANY);
  await using pool = openBatchPool(PLAIN_COPIES, helpers);
  // Two rounds, as one op may have several copies.
  await copyAll(pool, copies.slice(0, 1200));
  expect(readdirSync(join(dir, 'to'))).toHaveLength(1200);
  await copyAll(pool, copies.slice(1200));
  for (const { source, to, mode } of copies) {
    expect(readFileSync(to, 'utf8')).toBe(readFileSync(source.hostPath, 'utf8'));
    const found = lstatSync(to, { bigint: true });
    expect([found.mode & 0o7777n, found.mtimeNs]).toEqual([BigInt(mode), MTIME_NS]);
  }
});

test.each([0, 1])(
  '%i helpers: a file that is gone is an error, wherever it was',
  async (helpers) => {
    const copies = makeCopies(MANY);
    const lost = join(dir, 'from/1350');
    rmSync(lost);
    await using pool = openBatchPool(PLAIN_COPIES, helpers);
    await expect(copyAll(pool, copies)).rejects.toMatchObject({
      code: 'CONTEXT_CHANGED',
      message: expect.stringContaining('/from/1350') as string,
    });
  },
);

test.each([0, 2])(
  '%i helpers: says which sources are not what they were when they were listed',
  async (helpers) => {
    const copies = makeCopies(MANY);
    // The same bytes, and another time of change.
    chmodSync(join(dir, 'from/7'), 0o600);
    await using pool = openBatchPool(PLAIN_COPIES, helpers);
    const results = await copyAll(pool, copies);
    expect(results).toHaveLength(MANY);
    expect(results.filter((inode) => inode === undefined)).toHaveLength(1);
  },
);

test('a copy that another thread began is made anew; no other file is written over', () => {
  const [copy] = makeCopies(1);
  if (copy === undefined) throw new TypeError('There is one');
  writeFileSync(copy.to, 'half a fi');
  expect(() => {
    PLAIN_COPIES.run(copy);
  }).toThrow(expect.objectContaining({ code: 'EEXIST' }) as Error);
  PLAIN_COPIES.rerun(copy);
  expect(readFileSync(copy.to, 'utf8')).toBe('text of file 0\n');
});

test('nothing is written after the pool was closed', async () => {
  const copies = makeCopies(MANY);
  const pool = openBatchPool(PLAIN_COPIES, 2);
  for (const copy of copies) pool.add(copy, () => undefined);
  await pool[Symbol.asyncDispose]();
  rmSync(join(dir, 'to'), { recursive: true });
  expect(readdirSync(dir)).toEqual(['from']);
});
