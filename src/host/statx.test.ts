import { execFileSync } from 'node:child_process';
import {
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import type { BytePath } from '../core/bytes.ts';
import { STATE, STATE_WORDS, statNames } from './statx.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'statx-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true, force: true });
});

const wide = (words: Uint32Array, at: number): bigint =>
  BigInt(words[at] ?? 0) + (BigInt(words[at + 1] ?? 0) << 32n);
const timeAt = (words: Uint32Array, at: number): bigint =>
  BigInt.asIntN(64, wide(words, at)) * 1_000_000_000n + BigInt(words[at + 2] ?? 0);

/** What was found, by name, in the form of lstat. */
function look(directory: string, names: readonly string[]): Record<string, unknown> {
  const words = new Uint32Array(names.length * STATE_WORDS);
  const all: Record<string, unknown> = {};
  statNames(directory as BytePath, names as readonly BytePath[], words, (index) => {
    const state = words.subarray(index * STATE_WORDS, (index + 1) * STATE_WORDS);
    all[names[index] ?? ''] = {
      mode: BigInt(state[STATE.mode] ?? 0),
      uid: BigInt(state[STATE.uid] ?? 0),
      gid: BigInt(state[STATE.gid] ?? 0),
      nlink: BigInt(state[STATE.nlink] ?? 0),
      size: wide(state, STATE.size),
      ino: wide(state, STATE.ino),
      dev: wide(state, STATE.dev),
      rdev: wide(state, STATE.rdev),
      mtimeNs: timeAt(state, STATE.mtimeSeconds),
      ctimeNs: timeAt(state, STATE.ctimeSeconds),
    };
  });
  return all;
}

function lstats(directory: string, names: readonly string[]): Record<string, unknown> {
  return Object.fromEntries(
    names.map((name) => {
      const path = Buffer.concat([Buffer.from(`${directory}/`), Buffer.from(name, 'latin1')]);
      const stats = lstatSync(path, { bigint: true });
      const { mode, uid, gid, nlink, size, ino, dev, rdev, mtimeNs, ctimeNs } = stats;
      return [name, { mode, uid, gid, nlink, size, ino, dev, rdev, mtimeNs, ctimeNs }];
    }),
  );
}

test('says of every kind of file what lstat says', async () => {
  writeFileSync(join(dir, 'file'), 'content', { mode: 0o4755 });
  linkSync(join(dir, 'file'), join(dir, 'twin'));
  writeFileSync(join(dir, 'large'), '');
  truncateSync(join(dir, 'large'), 5 * 2 ** 32 + 3);
  writeFileSync(join(dir, 'before 1970'), '');
  utimesSync(join(dir, 'before 1970'), -12.25, -12.25);
  writeFileSync(join(dir, 'after 2038'), '');
  utimesSync(join(dir, 'after 2038'), 2 ** 33, 2 ** 33);
  writeFileSync(Buffer.from(`${dir}/\xff\xfe`, 'latin1'), '');
  writeFileSync(join(dir, 'x'.repeat(255)), '');
  mkdirSync(join(dir, 'directory'));
  symlinkSync('nowhere', join(dir, 'link'));
  execFileSync('mkfifo', [join(dir, 'pipe')]);
  const server = createServer().listen(join(dir, 'socket'));
  await new Promise((resolve) => server.once('listening', resolve));
  try {
    const names = readdirSync(dir, { encoding: 'latin1' });
    expect(look(dir, names)).toEqual(lstats(dir, names));
  } finally {
    server.close();
  }
});

test('says of devices what lstat says', () => {
  const names = ['null', 'zero', 'random', 'full'];
  expect(look('/dev', names)).toEqual(lstats('/dev', names));
});

test('leaves out what is not there', () => {
  writeFileSync(join(dir, 'there'), '');
  expect(Object.keys(look(dir, ['gone', 'there']))).toEqual(['there']);
});

test('says that it could not look where the directory is none', () => {
  const words = new Uint32Array(STATE_WORDS);
  const names = ['a' as BytePath];
  writeFileSync(join(dir, 'file'), '');
  symlinkSync('.', join(dir, 'link'));
  for (const name of ['gone', 'file', 'link']) {
    const looked = statNames(join(dir, name) as BytePath, names, words, () => {
      throw new Error('Nothing is there to be found');
    });
    expect(looked).toBe(false);
  }
});
