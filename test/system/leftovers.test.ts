import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { processesUsing } from '../support/leftovers.ts';

// Tests end what is left of them, so a mistake here kills builds of others that run at the same time.
describe.skipIf(process.getuid?.() !== 0)('processesUsing()', () => {
  let dir: string;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'stagecraft-leftovers-'));
  });

  afterEach(() => {
    rmSync(dir, { recursive: true });
  });

  /** Starts a program in mount namespaces of its own, after it ran `script`; gives its process id. */
  async function inNamespace(script: string): Promise<{ pid: number } & AsyncDisposable> {
    const words = ['--mount', 'sh', '-c', `cd /; ${script}; echo ready; read -r line`];
    const child = spawn('unshare', words, { stdio: ['pipe', 'pipe', 'inherit'], env: SMALL });
    await once(child.stdout, 'data');
    return {
      pid: child.pid ?? 0,
      async [Symbol.asyncDispose]() {
        child.stdin.end('\n');
        await once(child, 'close');
      },
    };
  }

  const SMALL = { PATH: process.env['PATH'] };
  const found = (pid: number): boolean => processesUsing(dir).some((each) => each.pid === pid);

  test('leaves a process alone that only has copies of mounts below the directory', async () => {
    const point = join(dir, 'point');
    mkdirSync(point);
    spawnSync('mount', ['-t', 'tmpfs', 'test', point]);
    try {
      await using other = await inNamespace('true');
      expect(found(other.pid)).toBe(false);
    } finally {
      spawnSync('umount', [point]);
    }
  });

  test('finds a process with a mount that is made of the directory', async () => {
    const link = join(tmpdir(), `link-${String(process.pid)}`);
    mkdirSync(link);
    try {
      // The words of the program have no trace of the directory: it is passed on standard input.
      const name = dir.slice(tmpdir().length + 1);
      await using left = await inNamespace(
        `half=${name.slice(0, 12)}; mount --bind ${tmpdir()}/"\${half}"${name.slice(12)} ${link}`,
      );
      expect(found(left.pid)).toBe(true);
      expect(processesUsing(dir).find((each) => each.pid === left.pid)?.shownBy).toContain(
        'mountinfo',
      );
    } finally {
      rmSync(link, { recursive: true });
    }
  });
});
