import { mkdirSync, mkdtempSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { mkfifo } from '../host/sys.ts';
import { openDirTree } from '../tree/dir-tree.ts';
import type { ResolvedUser } from './sandbox.ts';
import { resolveGroupName, resolveUser } from './user.ts';

let root: string;
const passwd = (text: string): void => {
  writeFileSync(path.join(root, 'etc/passwd'), text);
};

beforeEach(() => {
  root = mkdtempSync(path.join(tmpdir(), 'user-'));
  mkdirSync(path.join(root, 'etc'));
  passwd(
    [
      'root:x:0:0:root:/root:/bin/sh',
      '# comment:x:1:1::/:',
      'app:x:1000:1001::/home/app:/bin/sh',
      'bad:x:minus:1::/:',
      'nohome:x:7:8:::',
      '',
    ].join('\n'),
  );
  writeFileSync(
    path.join(root, 'etc/group'),
    'root:x:0:\napp:x:1001:\nvideo:x:44:app,other\naudio:x:29:app\nwheel:x:10:root,app\n',
  );
});
afterEach(() => {
  rmSync(root, { recursive: true });
});
const resolve = (user: string): ResolvedUser => resolveUser(user, openDirTree(root));

describe('resolveUser()', () => {
  test.each<[string, ResolvedUser]>([
    ['', { uid: 0, gid: 0, groups: [0, 10], home: '/root' }],
    ['root', { uid: 0, gid: 0, groups: [0, 10], home: '/root' }],
    ['app', { uid: 1000, gid: 1001, groups: [1001, 44, 29, 10], home: '/home/app' }],
    ['1000', { uid: 1000, gid: 1001, groups: [1001, 44, 29, 10], home: '/home/app' }],
    ['app:video', { uid: 1000, gid: 44, groups: [44], home: '/home/app' }],
    ['app:5', { uid: 1000, gid: 5, groups: [5], home: '/home/app' }],
    ['123', { uid: 123, gid: 0, groups: [0], home: '/' }],
    ['123:456', { uid: 123, gid: 456, groups: [456], home: '/' }],
    ['4294967294', { uid: 4294967294, gid: 0, groups: [0], home: '/' }],
    ['nohome', { uid: 7, gid: 8, groups: [8], home: '/' }],
    [':video', { uid: 0, gid: 44, groups: [44], home: '/root' }],
  ])('F03 resolves "%s"', (user, expected) => {
    expect(resolve(user)).toEqual(expected);
  });

  // Each of these ended as root, or as a wrong number, in some other program.
  test.each([
    ['4294967295', 'BAD_USER'],
    ['4294967296', 'BAD_USER'],
    ['99999999999', 'BAD_USER'],
    ['1:99999999999', 'BAD_USER'],
    ['1:2:3', 'BAD_USER'],
    ['app:', 'BAD_USER'],
    ['+0', 'UNKNOWN_USER'],
    ['-1', 'UNKNOWN_USER'],
    ['0x0', 'UNKNOWN_USER'],
    [' 1', 'UNKNOWN_USER'],
    ['1e3', 'UNKNOWN_USER'],
    ['bad', 'UNKNOWN_USER'],
    ['app:nogroup', 'UNKNOWN_GROUP'],
  ])('F01 refuses "%s"', (user, code) => {
    expect(() => resolve(user)).toThrow(expect.objectContaining({ code }) as Error);
  });

  test('names the nearest user and group', () => {
    expect(() => resolve('aap')).toThrow(
      expect.objectContaining({
        message: 'Cannot run as user "aap": /etc/passwd of the image has no such name',
        hint: 'Did you mean "app"?',
      }) as Error,
    );
    expect(() => resolveGroupName('vidoe', openDirTree(root))).toThrow(
      expect.objectContaining({
        message: 'Cannot run with group "vidoe": /etc/group of the image has no such name',
        hint: 'Did you mean "video"?',
      }) as Error,
    );
  });

  test('needs no passwd file for numbers and root', () => {
    rmSync(path.join(root, 'etc'), { recursive: true });
    expect(resolve('')).toEqual({ uid: 0, gid: 0, groups: [0], home: '/' });
    expect(resolve('5:6')).toEqual({ uid: 5, gid: 6, groups: [6], home: '/' });
  });

  test('F02 follows links inside the image only', () => {
    rmSync(path.join(root, 'etc/passwd'));
    symlinkSync('/../../../usr/lib/users', path.join(root, 'etc/passwd'));
    mkdirSync(path.join(root, 'usr/lib'), { recursive: true });
    writeFileSync(path.join(root, 'usr/lib/users'), 'inside:x:3:4::/i:\n');
    expect(resolve('inside')).toMatchObject({ uid: 3, gid: 4 });
    rmSync(path.join(root, 'usr/lib/users'));
    symlinkSync('/etc/passwd', path.join(root, 'usr/lib/users'));
    expect(() => resolve('root')).toThrow('more than 255 symbolic links');
  });

  test('F02 does not wait for a fifo, and reads no endless or enormous file', () => {
    const file = path.join(root, 'etc/passwd');
    rmSync(file);
    mkfifo(file, 0o644);
    expect(() => resolve('app')).toThrow(
      'Cannot look up the user in "/etc/passwd" of the image: it is not a file but a fifo',
    );
    rmSync(file);
    passwd('');
    truncateSync(file, 11 * 1024 * 1024);
    expect(() => resolve('app')).toThrow('it has 11534336 bytes, more than 10485760');
  });
});
