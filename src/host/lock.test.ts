import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { acquireLock, acquirePassingLock, tryLock } from './lock.ts';

let dir: string;
let path: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'lock-'));
  path = join(dir, 'lock');
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

const { signal } = new AbortController();

describe('acquireLock()', () => {
  test('lets shared holders in together and an exclusive one alone', async () => {
    const first = await acquireLock(path, { type: 'shared' }, signal);
    const second = await acquireLock(path, { type: 'shared' }, signal);
    expect(tryLock(path, 'exclusive')).toBeUndefined();
    first.release();
    second.release();
    const alone = tryLock(path, 'exclusive');
    expect(alone).toBeDefined();
    expect(tryLock(path, 'shared')).toBeUndefined();
    alone?.release();
  });

  test('waits for the holder', async () => {
    const held = await acquireLock(path, { type: 'exclusive' }, signal);
    const order: string[] = [];
    const waiting = acquireLock(path, { type: 'exclusive' }, signal).then((lock) => {
      order.push('second');
      lock.release();
    });
    order.push('first');
    held.release();
    await waiting;
    expect(order).toEqual(['first', 'second']);
  });

  test('stops waiting when aborted', async () => {
    await using _held = await acquireLock(path, { type: 'exclusive' }, signal);
    const controller = new AbortController();
    const waiting = acquireLock(path, { type: 'exclusive' }, controller.signal);
    controller.abort(new Error('stop'));
    await expect(waiting).rejects.toThrow();
  });

  test('is given back by the kernel when its holder is killed', async () => {
    const script = `
      import { acquireLock } from ${JSON.stringify(join(import.meta.dirname, 'lock.ts'))};
      await acquireLock(${JSON.stringify(path)}, { type: 'exclusive' }, new AbortController().signal);
      process.stdout.write('held');
      setInterval(() => undefined, 1000);`;
    const child = spawn(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '-e', script],
      {
        cwd: join(import.meta.dirname, '../..'),
        stdio: ['ignore', 'pipe', 'inherit'],
      },
    );
    await once(child.stdout, 'data');
    expect(tryLock(path, 'exclusive')).toBeUndefined();
    child.kill('SIGKILL');
    await once(child, 'exit');
    const lock = tryLock(path, 'exclusive');
    expect(lock).toBeDefined();
    lock?.release();
  });
});

describe('acquirePassingLock()', () => {
  test('lets one in at a time, however many wait, and leaves no file', async () => {
    let inside = 0;
    let most = 0;
    await Promise.all(
      Array.from({ length: 20 }, async () => {
        await using _lock = await acquirePassingLock(path, signal);
        inside++;
        most = Math.max(most, inside);
        await new Promise((resolve) => setImmediate(resolve));
        inside--;
      }),
    );
    expect(most).toBe(1);
    expect(existsSync(path)).toBe(false);
  });
});
