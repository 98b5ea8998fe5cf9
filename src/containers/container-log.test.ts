import { appendFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { LogWriter, readLog } from './container-log.ts';

let dir: string;
const now = (): Date => new Date(0);
const { signal } = new AbortController();

beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'log-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

async function read(options = { isFollowing: false, isOver: () => true }): Promise<string[]> {
  const texts: string[] = [];
  for await (const entry of readLog(dir, options, signal))
    texts.push(entry.bytes.toString('latin1'));
  return texts;
}

test('a log gives back all bytes, their stream and time', async () => {
  using log = new LogWriter(dir, now);
  const bytes = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
  log.write('stderr', bytes);
  const entries = [];
  const options = { isFollowing: false, isOver: () => true };
  for await (const entry of readLog(dir, options, signal)) entries.push(entry);
  expect(entries).toEqual([{ time: '1970-01-01T00:00:00.000Z', stream: 'stderr', bytes }]);
});

test('a log that nobody wrote is empty, and a line that a crash cut off is skipped', async () => {
  expect(await read()).toEqual([]);
  using log = new LogWriter(dir, now);
  log.write('stdout', Buffer.from('whole'));
  appendFileSync(path.join(dir, 'log'), '{"time":"x","stre');
  expect(await read()).toEqual(['whole']);
});

test('a log grows to a limit, and the last full part is kept beside', async () => {
  using log = new LogWriter(dir, now);
  const large = Buffer.alloc(17 * 1024 * 1024, 'a');
  for (let i = 0; i < 3; i++) log.write('stdout', large);
  expect(existsSync(path.join(dir, 'log.old'))).toBe(true);
  expect((await read()).map((text) => text.length)).toEqual([
    large.length,
    large.length,
    large.length,
  ]);
});

test('following a log ends when its container has, with all it wrote', async () => {
  using log = new LogWriter(dir, now);
  log.write('stdout', Buffer.from('one'));
  let asked = 0;
  const isOver = (): boolean => {
    if (asked++ === 0) log.write('stdout', Buffer.from('two'));
    return asked > 1;
  };
  expect(await read({ isFollowing: true, isOver })).toEqual(['one', 'two']);
});
