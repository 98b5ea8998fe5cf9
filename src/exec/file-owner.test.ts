import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { openChainTree } from '../tree/chain-tree.ts';
import { resolveOwner, type OwnerIds } from './file-owner.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(path.join(tmpdir(), 'owner-'));
  mkdirSync(path.join(dir, 'etc'));
  writeFileSync(
    path.join(dir, 'etc/passwd'),
    '# comment\nroot:x:0:0::/root:/bin/sh\nbroken:x:y:z\nnode:x:1000:1001::/:/bin/sh\nnode:x:1:1::/:/bin/sh\nlast:x:7:8',
  );
  writeFileSync(path.join(dir, 'etc/group'), 'root:x:0:\nwheel:x:10:node\n');
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

function owner(user: string, group?: string): OwnerIds {
  return resolveOwner({ user, group }, openChainTree([dir]));
}

describe('resolveOwner()', () => {
  test.each<[string, string | undefined, number, number]>([
    ['5', undefined, 5, 5],
    ['5', '6', 5, 6],
    ['node', undefined, 1000, 1001],
    ['node', 'wheel', 1000, 10],
    ['node', '3', 1000, 3],
    ['5', 'wheel', 5, 10],
    ['last', undefined, 7, 8],
    ['', 'wheel', 0, 10],
    ['4294967294', undefined, 4_294_967_294, 4_294_967_294],
  ])('%s and group %s are %d:%d', (user, group, uid, gid) => {
    expect(owner(user, group)).toEqual({ uid, gid });
  });

  test.each<[string, string | undefined, string, string]>([
    [
      'nod',
      undefined,
      'Cannot find the user "nod": /etc/passwd of this stage has no such name',
      'Did you mean "node"? Create it in a RUN step before, or give its number.',
    ],
    [
      'node',
      'weel',
      'Cannot find the group "weel": /etc/group of this stage has no such name',
      'Did you mean "wheel"? Create it in a RUN step before, or give its number.',
    ],
    [
      'broken',
      undefined,
      'Cannot find the user "broken": /etc/passwd of this stage has no such name',
      'Create it in a RUN step before, or give its number.',
    ],
    [
      '4294967295',
      undefined,
      'Cannot find the user "4294967295": /etc/passwd of this stage has no such name',
      'Create it in a RUN step before, or give its number.',
    ],
  ])('%s and group %s are an error', (user, group, message, hint) => {
    expect(() => owner(user, group)).toThrow(
      expect.objectContaining({ code: 'UNKNOWN_OWNER', message, hint }) as Error,
    );
  });

  test('reads no file outside the image', () => {
    rmSync(path.join(dir, 'etc/passwd'));
    symlinkSync('/etc/passwd', path.join(dir, 'etc/passwd'));
    expect(() => owner('daemon')).toThrow('links');
    rmSync(path.join(dir, 'etc/passwd'));
    symlinkSync('../../../../../../../../etc/hosts', path.join(dir, 'etc/passwd'));
    expect(() => owner('daemon')).toThrow('Cannot find the user "daemon"');
  });

  test('root needs no file and is always 0, as user and as group', () => {
    const tree = openChainTree([]);
    const none = { uid: 0, gid: 0 };
    expect(resolveOwner({ user: 'root', group: undefined }, tree)).toEqual(none);
    expect(resolveOwner({ user: 'root', group: 'root' }, tree)).toEqual(none);
    expect(resolveOwner({ user: '7', group: 'root' }, tree)).toEqual({ uid: 7, gid: 0 });
  });

  test('numbers need no file', () => {
    expect(resolveOwner({ user: '1', group: '2' }, openChainTree([]))).toEqual({ uid: 1, gid: 2 });
  });
});
