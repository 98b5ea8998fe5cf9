import { spawn, type StdioOptions } from 'node:child_process';
import { once } from 'node:events';
import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openDirectoryInside } from './open-inside.ts';

let dir: string;
let root: string;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'open-inside-'));
  root = join(dir, 'root');
  mkdirSync(join(root, 'a/b'), { recursive: true });
  mkdirSync(join(dir, 'OUT'));
  writeFileSync(join(root, 'file'), '');
  symlinkSync(join(dir, 'OUT'), join(root, 'absolute'));
  symlinkSync('../../../../OUT', join(root, 'a/relative'));
  symlinkSync('a/b', join(root, 'inside'));
  symlinkSync('/a', join(root, 'rooted'));
  symlinkSync('loop', join(root, 'loop'));
});

afterEach(() => {
  rmSync(dir, { recursive: true });
});

/** Where it is below the root; undefined when it is not opened. */
function opened(path: string): string | undefined {
  const fd = openDirectoryInside(root, path);
  if (fd === undefined) return undefined;
  const place = readlinkSync(`/proc/self/fd/${fd}`);
  closeSync(fd);
  return place.startsWith(root) ? place.slice(root.length) : `outside: ${place}`;
}

describe('openDirectoryInside()', () => {
  test.each([
    ['a/b', '/a/b'],
    ['/a//./b/', '/a/b'],
    ['a/../a/b', '/a/b'],
    ['../../a', '/a'],
    ['inside', '/a/b'],
    ['rooted/b', '/a/b'],
    ['new/er', '/new/er'],
    ['a/relative/x', '/OUT/x'],
  ])('D04 opens %s inside the root', (path, place) => {
    expect(opened(path)).toBe(place);
    expect(readdirSync(join(dir, 'OUT'))).toEqual([]);
  });

  test('makes the target of an absolute link inside the root', () => {
    expect(opened('absolute/x')).toBe(`${join(dir, 'OUT')}/x`);
    expect(readdirSync(join(dir, 'OUT'))).toEqual([]);
    expect(existsSync(join(root, dir, 'OUT/x'))).toBe(true);
  });

  test.each(['file', 'file/x', 'loop'])('does not open %s', (path) => {
    expect(opened(path)).toBeUndefined();
  });

  test('leaves no descriptor open but the one it gives', () => {
    const count = (): number => readdirSync('/proc/self/fd').length;
    const before = count();
    opened('a/relative/x/y/../z');
    opened('loop');
    expect(count()).toBe(before);
  });
});

test('D02 openDirectoryInside() never leads out while another process puts links in the way', async () => {
  writeFileSync(join(dir, 'OUT/canary'), '');
  mkdirSync(join(root, 's/deep'), { recursive: true });
  mkdirSync(join(dir, 'OUT/deep'));
  writeFileSync(join(dir, 'OUT/deep/canary'), '');
  const swap = `cd "$0"; while :; do mv s t; ln -s ../OUT s; rm s; ln -s "$1" s; rm s; mv t s; done`;
  const words = ['-c', swap, root, join(dir, 'OUT')];
  // Its pipe is closed when the programs that it starts have ended, too.
  const stdio: StdioOptions = ['ignore', 'pipe', 'ignore'];
  const swapper = spawn('/bin/sh', words, { stdio, detached: true });
  const ended = once(swapper, 'close');
  const seen = { opened: 0, refused: 0 };
  for (let i = 0; i < RACES; i++) {
    const fd = openDirectoryInside(root, i % 2 === 0 ? 's' : 's/deep');
    if (fd === undefined) {
      seen.refused++;
      continue;
    }
    seen.opened++;
    const names = readdirSync(`/proc/self/fd/${String(fd)}`);
    closeSync(fd);
    expect(names).not.toContain('canary');
  }
  process.kill(-(swapper.pid ?? expect.fail()), 'SIGKILL');
  await ended;
  expect(seen.opened + seen.refused).toBe(RACES);
});

/** Enough for a race to be lost now and then where it can be. */
const RACES = 5_000;
