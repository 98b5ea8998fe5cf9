import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { prepareRoot, type TargetRequest } from './mount-targets.ts';

let top: string;
let root: string;
/** A directory beside the root that nothing may touch. */
let outside: string;

beforeEach(() => {
  top = mkdtempSync(path.join(tmpdir(), 'targets-'));
  root = path.join(top, 'root');
  outside = path.join(top, 'OUT');
  for (const dir of [root, outside, path.join(root, 'etc')]) mkdirSync(dir);
  writeFileSync(path.join(outside, 'file'), 'untouched');
  for (const dir of [outside, path.join(root, 'etc'), root]) utimesSync(dir, 1000, 2000);
});
afterEach(() => {
  expect(readdirSync(outside)).toEqual(['file']);
  expect(lstatSync(outside).mtimeMs).toBe(2_000_000);
  rmSync(top, { recursive: true });
});

const at = (name: string): string => path.join(root, name);
const prepare = (
  targets: readonly TargetRequest[],
  workdir = '/',
): ReturnType<typeof prepareRoot> =>
  prepareRoot(root, { path: workdir, uid: 12, gid: 34 }, targets);

describe('prepareRoot()', () => {
  test('D10 makes what is missing, and leaves no trace and no changed time', () => {
    const prepared = prepare([
      { path: '/etc/resolv.conf', type: 'file' },
      { path: '/new/dir/secret', type: 'file' },
      { path: '/new/tmp', type: 'directory', mode: 0o1777 },
    ]);
    expect(prepared.targets).toEqual(['/etc/resolv.conf', '/new/dir/secret', '/new/tmp']);
    expect(lstatSync(at('new/tmp')).mode & 0o7777).toBe(0o1777);
    prepared.restore();
    expect(readdirSync(root)).toEqual(['etc']);
    expect(readdirSync(at('etc'))).toEqual([]);
    expect(lstatSync(root).mtimeMs).toBe(2_000_000);
    expect(lstatSync(at('etc')).mtimeMs).toBe(2_000_000);
  });

  test('makes modes that no umask of this process changes', () => {
    const umask = process.umask(0o077);
    const prepared = prepare([{ path: '/d', type: 'directory' }], '/work/dir');
    process.umask(umask);
    expect(lstatSync(at('d')).mode & 0o777).toBe(0o755);
    expect(lstatSync(at('work/dir')).mode & 0o777).toBe(0o755);
    prepared.restore();
  });

  test('keeps what the step put there, and the time it gave the directory', () => {
    const prepared = prepare([
      { path: '/etc/hosts', type: 'file' },
      { path: '/cache', type: 'directory' },
    ]);
    writeFileSync(at('cache/kept'), '');
    writeFileSync(at('etc/own'), '');
    prepared.restore();
    expect(readdirSync(root)).toEqual(['cache', 'etc']);
    expect(readdirSync(at('etc'))).toEqual(['own']);
    expect(lstatSync(at('etc')).mtimeMs).toBeGreaterThan(2_000_000);
  });

  test('makes the working directory to stay, for the user of the step', () => {
    const prepared = prepare([], '/srv/app');
    expect(prepared.workdir).toBe('/srv/app');
    prepared.restore();
    expect(lstatSync(at('srv/app'))).toMatchObject({ uid: 12, gid: 34 });
  });

  test.each([
    ['an absolute link', '/../../OUT', '/OUT/x'],
    ['a relative link', '../../../OUT', '/OUT/x'],
    ['a chain of links', 'b', '/OUT/x'],
  ])('D07, D08, E03 resolves %s inside the root', (_what, target, resolved) => {
    symlinkSync(target, at('a'));
    symlinkSync('/OUT', at('b'));
    const prepared = prepare([{ path: '/a/x', type: 'directory' }], '/a/w');
    expect(prepared.targets).toEqual([resolved]);
    expect(prepared.workdir).toBe('/OUT/w');
    expect(existsSync(at('OUT/x'))).toBe(true);
    prepared.restore();
    expect(readdirSync(at('OUT'))).toEqual(['w']);
  });

  test('makes the target of a link that dangles', () => {
    symlinkSync('../run/resolve/stub.conf', at('etc/resolv.conf'));
    const prepared = prepare([{ path: '/etc/resolv.conf', type: 'file' }]);
    expect(prepared.targets).toEqual(['/run/resolve/stub.conf']);
    prepared.restore();
    expect(existsSync(at('run'))).toBe(false);
  });

  test.each(['dev', 'proc', 'sys'])(
    'E04, E06 puts a real /%s in the place of a link, for the time',
    (name) => {
      symlinkSync(outside, at(name));
      const prepared = prepare([]);
      expect(lstatSync(at(name)).isDirectory()).toBe(true);
      prepared.restore();
      expect(readlinkSync(at(name))).toBe(outside);
    },
  );

  test('D03 removes nothing through a link that the step put in the way', () => {
    mkdirSync(path.join(outside, 'victim'));
    const prepared = prepare([{ path: '/x/victim', type: 'directory' }]);
    rmSync(at('x'), { recursive: true });
    symlinkSync(outside, at('x'));
    prepared.restore();
    expect(existsSync(path.join(outside, 'victim'))).toBe(true);
    rmSync(path.join(outside, 'victim'), { recursive: true });
    utimesSync(outside, 1000, 2000);
  });

  test('leaves a place in /dev to the sandbox, whose own /dev hides the one of the image', () => {
    const prepared = prepare([{ path: '/dev/pipes', type: 'directory' }]);
    expect(prepared.targets).toEqual(['/dev/pipes']);
    expect(existsSync(at('dev/pipes'))).toBe(false);
    prepared.restore();
  });

  test.each([
    ['/', 'nothing can be mounted on the root'],
    ['/a/..', 'nothing can be mounted on the root'],
    ['relative', 'it is not absolute'],
    ['/dev', 'it lies in "/dev", which the step gets from the sandbox'],
    ['/dev/shm', 'it lies in "/dev"'],
    ['/proc/self/fd', 'it lies in "/proc"'],
    ['/link', 'it lies in "/sys"'],
    ['/etc/file/x', '"/etc/file" is not a directory'],
    ['/etc/file', 'it is a file, the mount is not'],
    ['/loop/x', 'more than 255 symbolic links'],
  ])('D09 refuses to mount a directory on %s', (target, message) => {
    mkdirSync(at('a'));
    writeFileSync(at('etc/file'), '');
    symlinkSync('sys/kernel', at('link'));
    symlinkSync('loop', at('loop'));
    const before = readdirSync(root);
    expect(() => prepare([{ path: target, type: 'directory' }])).toThrow(message);
    expect(readdirSync(root)).toEqual(before);
  });

  test.each(['/proc/self/fd/7', '/sys', '/etc/file'])('E01 refuses to work in %s', (workdir) => {
    writeFileSync(at('etc/file'), '');
    expect(() => prepare([], workdir)).toThrow(
      expect.objectContaining({ code: 'BAD_MOUNT_TARGET' }) as Error,
    );
  });
});
