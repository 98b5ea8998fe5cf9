import { execFileSync } from 'node:child_process';
import * as fs from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { bufferToBytes } from '../core/bytes.ts';
import { mount, umount } from './mount.ts';
import * as sys from './sys.ts';
import { lgetxattr, llistxattr, lremovexattr, lsetxattr } from './xattr.ts';

let dir: string;
const at = (name: string): string => path.join(dir, name);
const isRoot = process.getuid?.() === 0;

beforeEach(() => {
  dir = fs.mkdtempSync(path.join(tmpdir(), 'sys-test-'));
});
afterEach(() => {
  fs.rmSync(dir, { recursive: true, force: true });
});

function open(name: string): number {
  return fs.openSync(at(name), 'a+');
}

test('a failed call throws SystemError with code, call and path', () => {
  expect(() => {
    sys.renameat2(at('a'), at('b'), 0);
  }).toThrow(
    expect.objectContaining({ code: 'ENOENT', syscall: 'renameat2', path: at('b') }) as Error,
  );
  expect(sys.hasCode(new Error('x'), 'ENOENT')).toBe(false);
});

test('a path with a NUL byte is refused instead of being cut', () => {
  expect(() => {
    sys.mkfifo(`${at('a')}\0b`, 0o600);
  }).toThrow(/EINVAL/);
});

test('names that are not UTF-8 reach the kernel byte for byte', () => {
  const name = bufferToBytes(Buffer.concat([Buffer.from(`${dir}/`), Buffer.from([0xff, 0xe9])]));
  sys.mkfifo(name, 0o600);
  expect(fs.readdirSync(dir, { encoding: 'buffer' })).toEqual([Buffer.from([0xff, 0xe9])]);
});

test('utimesNs() sets nanoseconds, of a symlink too, and before 1970', () => {
  fs.symlinkSync('nowhere', at('link'));
  sys.utimesNs(at('link'), 5n, 1_700_000_000_123_456_789n);
  expect(fs.lstatSync(at('link'), { bigint: true }).mtimeNs).toBe(1_700_000_000_123_456_789n);
  sys.utimesNs(at('link'), 0n, -1n);
  expect(fs.lstatSync(at('link'), { bigint: true }).mtimeNs).toBe(-1n);
});

test('futimesNs() sets nanoseconds of an open file', () => {
  const fd = open('f');
  sys.futimesNs(fd, 1n, 1_000_000_007n);
  fs.closeSync(fd);
  expect(fs.statSync(at('f'), { bigint: true }).mtimeNs).toBe(1_000_000_007n);
});

test('mkfifo() makes a fifo', () => {
  sys.mkfifo(at('p'), 0o640);
  expect(fs.statSync(at('p')).isFIFO()).toBe(true);
});

test('flock() keeps a second descriptor out until the first is closed', () => {
  const first = open('lock');
  const second = open('lock');
  const exclusive = { type: 'exclusive', wait: false } as const;
  expect(sys.flock(first, exclusive)).toBe(true);
  expect(sys.flock(second, exclusive)).toBe(false);
  expect(sys.flock(second, { type: 'shared', wait: false })).toBe(false);
  fs.closeSync(first);
  expect(sys.flock(second, exclusive)).toBe(true);
  fs.closeSync(second);
});

test('funlock() gives a lock back', () => {
  const first = open('lock');
  const second = open('lock');
  sys.flock(first, { type: 'exclusive', wait: true });
  sys.funlock(first);
  expect(sys.flock(second, { type: 'exclusive', wait: false })).toBe(true);
  fs.closeSync(first);
  fs.closeSync(second);
});

test('flock() shares between readers', () => {
  const first = open('lock');
  const second = open('lock');
  const shared = { type: 'shared', wait: false } as const;
  expect([sys.flock(first, shared), sys.flock(second, shared)]).toEqual([true, true]);
  fs.closeSync(first);
  fs.closeSync(second);
});

test('renameat2() refuses to replace, and exchanges', () => {
  fs.writeFileSync(at('a'), 'A');
  fs.writeFileSync(at('b'), 'B');
  expect(() => {
    sys.renameat2(at('a'), at('b'), sys.RENAME.NOREPLACE);
  }).toThrow(/EEXIST/);
  sys.renameat2(at('a'), at('b'), sys.RENAME.EXCHANGE);
  expect(fs.readFileSync(at('a'), 'utf8')).toBe('B');
});

test('syncfs() takes any descriptor of the file system, and no other', async () => {
  const fd = fs.openSync(dir, 'r');
  await expect(sys.syncfs(fd)).resolves.toBeUndefined();
  fs.closeSync(fd);
  await expect(sys.syncfs(987_654)).rejects.toMatchObject({ code: 'EBADF' });
});

test('copyFileRange() copies on from the current position', () => {
  fs.writeFileSync(at('a'), '0123456789');
  const from = fs.openSync(at('a'), 'r');
  const to = open('b');
  fs.closeSync(to);
  const out = fs.openSync(at('b'), 'w');
  expect(sys.copyFileRange(from, out, 4)).toBe(4);
  expect(sys.copyFileRange(from, out, 100)).toBe(6);
  expect(sys.copyFileRange(from, out, 100)).toBe(0);
  fs.closeSync(from);
  fs.closeSync(out);
  expect(fs.readFileSync(at('b'), 'utf8')).toBe('0123456789');
});

test('ficlone() shares the bytes, or says that the file system cannot', () => {
  fs.writeFileSync(at('a'), 'data');
  const from = fs.openSync(at('a'), 'r');
  const to = fs.openSync(at('b'), 'w');
  let code = 'none';
  try {
    sys.ficlone(from, to);
  } catch (error) {
    code = (error as sys.SystemError).code;
  }
  fs.closeSync(from);
  fs.closeSync(to);
  if (code === 'none') expect(fs.readFileSync(at('b'), 'utf8')).toBe('data');
  else expect(['ENOTSUP', 'EINVAL', 'ENOSYS', 'ENOTTY']).toContain(code);
});

test('prctl() returns its result', () => {
  const PR_GET_DUMPABLE = 3;
  expect(sys.prctl(PR_GET_DUMPABLE)).toBe(1);
});

test('device numbers keep 12 bits of major and 20 bits of minor', () => {
  for (const [major, minor] of [
    [0, 0],
    [1, 3],
    [8, 255],
    [8, 256],
    [4095, 0xfffff],
  ] as const) {
    const device = sys.makeDevice(major, minor);
    expect([sys.majorOf(device), sys.minorOf(device)]).toEqual([major, minor]);
  }
});

test.each([
  [0x1000, 0],
  [0, 0x100000],
  [-1, 0],
  [0, 2 ** 32],
  [0.5, 0],
])('makeDevice() refuses %d/%d instead of naming another device', (major, minor) => {
  expect(() => sys.makeDevice(major, minor)).toThrow(/EINVAL/);
});

describe('user attributes', () => {
  test('values are bytes, absent ones undefined, names sorted', () => {
    fs.writeFileSync(at('f'), '');
    const value = Buffer.from([0, 255, 10]);
    lsetxattr(at('f'), 'user.b', value);
    lsetxattr(at('f'), 'user.a', Buffer.alloc(0));
    expect(lgetxattr(at('f'), 'user.b')).toEqual(value);
    expect(lgetxattr(at('f'), 'user.a')).toEqual(Buffer.alloc(0));
    expect(lgetxattr(at('f'), 'user.none')).toBeUndefined();
    expect(llistxattr(at('f'))).toEqual(['user.a', 'user.b']);
    expect([lremovexattr(at('f'), 'user.a'), lremovexattr(at('f'), 'user.a')]).toEqual([
      true,
      false,
    ]);
  });

  test('a missing file is ENOENT', () => {
    expect(() => llistxattr(at('none'))).toThrow(/ENOENT/);
  });
});

describe.runIf(isRoot)('as root', () => {
  test('mknod() makes devices and whiteouts', () => {
    sys.mknod(at('null'), sys.NODE_TYPE.charDevice | 0o666, sys.makeDevice(1, 3));
    sys.mknod(at('whiteout'), sys.NODE_TYPE.charDevice, 0);
    expect(fs.statSync(at('null')).rdev).toBe(fs.statSync('/dev/null').rdev);
    expect(fs.statSync(at('whiteout')).rdev).toBe(0);
  });

  test('trusted and security attributes of a symlink are its own', () => {
    fs.symlinkSync('/', at('link'));
    lsetxattr(at('link'), 'trusted.x', Buffer.from('y'));
    expect(lgetxattr(at('link'), 'trusted.x')?.toString()).toBe('y');
  });

  test('mount() and umount() in a mount namespace of its own', () => {
    // A child, so that this process stays where it is.
    const script = `
      import { mkdirSync, readdirSync, writeFileSync } from 'node:fs';
      import { mount, MS, umount } from ${JSON.stringify(new URL('mount.ts', import.meta.url).href)};
      import { CLONE, unshare } from ${JSON.stringify(new URL('sys.ts', import.meta.url).href)};
      unshare(CLONE.NEWNS);
      mount({ source: 'none', target: '/', flags: MS.REC | MS.PRIVATE });
      mount({ source: 'tmpfs', target: process.argv[1], type: 'tmpfs', options: 'size=64k' });
      writeFileSync(process.argv[1] + '/inside', '');
      const names = readdirSync(process.argv[1]);
      umount(process.argv[1], { lazily: false });
      process.stdout.write(JSON.stringify([names, readdirSync(process.argv[1])]));`;
    const result = execFileSync(
      process.execPath,
      ['--import', 'tsx', '--input-type=module', '--eval', script, dir],
      { encoding: 'utf8' },
    );
    expect(JSON.parse(result)).toEqual([['inside'], []]);
    expect(fs.readdirSync(dir)).toEqual([]);
  });

  test('umount() of what is no mount point is EINVAL', () => {
    expect(() => {
      umount(dir, { lazily: false });
    }).toThrow(expect.objectContaining({ code: 'EINVAL', path: dir }) as Error);
  });

  test('mount() of an unknown file system is ENODEV', () => {
    expect(() => {
      mount({ source: 'none', target: dir, type: 'nosuchfs' });
    }).toThrow(/ENODEV/);
  });

  test('setns() refuses a descriptor that is no namespace', () => {
    const fd = fs.openSync(dir, 'r');
    expect(() => {
      sys.setns(fd, sys.CLONE.NEWNS);
    }).toThrow(/EINVAL/);
    fs.closeSync(fd);
  });
});
