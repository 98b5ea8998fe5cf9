import { execFileSync } from 'node:child_process';
import { chmodSync, linkSync, lstatSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { lgetxattr, llistxattr } from '../host/xattr.ts';
import type { CopyAction } from '../ops/op.ts';
import { measureUpper } from '../snapshot/measure-upper.ts';
import {
  copy,
  hostListing,
  listing,
  openFileOpRig,
  type FileOpRig,
  type Files,
  type Job,
  type Result,
} from '../testing/file-op-rig.ts';
import { openChainTree } from '../tree/chain-tree.ts';
import { openContext } from '../tree/context-tree.ts';
import type { FileTree } from '../tree/file-tree.ts';

const isRoot = process.geteuid?.() === 0;

let rig: FileOpRig;
beforeEach(() => {
  rig = openFileOpRig();
});
afterEach(() => {
  rig.dispose();
});

const make = (name: string, files: Files): string => rig.make(name, files);
const context = (root: string): FileTree => openContext(root, undefined);

async function run(job: Job): Promise<Result> {
  const result = await rig.run(job);
  expect(result.info).toEqual(measureUpper(result.upper));
  return result;
}

describe.runIf(isRoot)('runFileOp() copies', () => {
  test.each<[string, Partial<CopyAction>, string, string, string[]]>([
    ['a file to a new name', {}, '/f', '/x/y', ['/x directory 755 0:0', '/x/y file 640 0:0 "F"']],
    [
      'a file into a new directory',
      {},
      '/f',
      '/x/',
      ['/x directory 755 0:0', '/x/f file 640 0:0 "F"'],
    ],
    [
      'the contents of a directory, whose own mode does not count',
      {},
      '/d',
      '/x',
      ['/x directory 755 0:0', '/x/s directory 700 0:0', '/x/s/g file 4755 0:0 "G"'],
    ],
    [
      'a directory itself when its contents are not meant',
      { copiesDirContents: false },
      '/d',
      '/x',
      ['/x directory 2750 0:0', '/x/s directory 700 0:0', '/x/s/g file 4755 0:0 "G"'],
    ],
    [
      'with another owner and octal mode, which new parents get as well',
      { owner: { user: '7', group: undefined }, mode: '640' },
      '/d/s/g',
      '/x/y/g',
      ['/x directory 640 7:7', '/x/y directory 640 7:7', '/x/y/g file 640 7:7 "G"'],
    ],
    [
      'with a symbolic mode, which new parents do not get',
      { mode: 'go=rX' },
      '/d',
      '/x',
      ['/x directory 755 0:0', '/x/s directory 755 0:0', '/x/s/g file 4755 0:0 "G"'],
    ],
    ['a link that is named, as what it leads to', {}, '/l', '/x', ['/x file 640 0:0 "F"']],
    ['a link below a directory, as a link', {}, '/links', '/', ['/l2 symlink 777 0:0 -> ../f']],
    [
      'wildcards into one directory',
      {},
      '/d/*/g',
      '/x/',
      ['/x directory 755 0:0', '/x/g file 4755 0:0 "G"'],
    ],
    ['nothing for a wildcard that matches nothing', {}, '/*.no', '/x/', []],
    [
      'parents',
      { keepsParents: true },
      '/d/s/g',
      '/x',
      [
        '/x directory 755 0:0',
        '/x/d directory 2750 0:0',
        '/x/d/s directory 700 0:0',
        '/x/d/s/g file 4755 0:0 "G"',
      ],
    ],
  ])('%s', async (_what, more, source, destination, expected) => {
    const root = make('context', {
      f: { text: 'F', mode: 0o640, uid: 3 },
      'd/s/g': { text: 'G', mode: 0o4755 },
      l: { symlink: 'f' },
      'links/l2': { symlink: '../f' },
    });
    chmodSync(path.join(root, 'd'), 0o2750);
    chmodSync(path.join(root, 'd/s'), 0o700);
    const result = await run({ source: context(root), actions: [copy(source, destination, more)] });
    expect(listing(result)).toEqual(expected);
  });

  test('owners, times, attributes, devices and hard links of another stage', async () => {
    const stage = make('stage', {
      'd/f': { text: 'F', uid: 5, gid: 6, mtime: 1_234_567_891, xattr: { 'user.a': 'A' } },
      'd/g': { hardLink: 'd/f' },
      'd/p': { type: 'fifo', uid: 7 },
      'd/n': { type: 'device' },
      'd/l': { symlink: '/nowhere', uid: 8, mtime: 42 },
      'd/': { uid: 9, mtime: 99 },
    });
    for (const [name, owner] of [
      ['kept', undefined],
      ['changed', { user: '1', group: '2' }],
    ] as const) {
      const result = await run({
        source: openChainTree([stage]),
        isImmutable: true,
        actions: [copy('/d', '/x', { owner, copiesDirContents: false })],
      });
      const ids = (own: string): string => (name === 'kept' ? own : '1:2');
      expect(
        listing(result, { times: true }).map((line) => line.replace(/(?<=fifo.*|device.*)@.*/, '')),
      ).toEqual([
        `/x directory 755 ${ids('9:9')} @99`,
        `/x/f file 644 ${ids('5:6')} "F" @1234567891`,
        `/x/g file 644 ${ids('5:6')} "F" @1234567891`,
        `/x/l symlink 777 ${ids('8:8')} -> /nowhere @42`,
        `/x/n char-device 600 ${ids('0:0')} `,
        `/x/p fifo 644 ${ids('7:7')} `,
      ]);
      const f = lstatSync(path.join(result.upper, 'x/f'));
      expect(lstatSync(path.join(result.upper, 'x/g')).ino).toBe(f.ino);
      expect(lgetxattr(path.join(result.upper, 'x/f'), 'user.a')?.toString()).toBe('A');
      const isShared = f.ino === lstatSync(path.join(stage, 'd/f')).ino;
      expect(isShared).toBe(name === 'kept');
    }
  });

  test('files of one inode in two layers as two files, as they are in the image', async () => {
    const below = make('below', { x: 'same' });
    const above = make('above', {});
    linkSync(path.join(below, 'x'), path.join(above, 'y'));
    const { upper } = await run({
      source: openChainTree([above, below]),
      isImmutable: true,
      actions: [copy('/', '/out')],
    });
    const x = lstatSync(path.join(upper, 'out/x'));
    expect(lstatSync(path.join(upper, 'out/y')).ino).not.toBe(x.ino);
  });

  test('a socket as an empty file', async () => {
    const stage = make('stage', {});
    execFileSync('python3', [
      '-c',
      'import socket,sys; socket.socket(socket.AF_UNIX).bind(sys.argv[1])',
      path.join(stage, 's'),
    ]);
    const result = await run({
      source: openChainTree([stage]),
      isImmutable: true,
      actions: [copy('/', '/')],
    });
    expect(listing(result)).toEqual(['/s file 755 0:0 ""']);
  });
});

describe.runIf(isRoot)('runFileOp() over a parent', () => {
  test('copies parents up with all they have, and only the last one gets a new time', async () => {
    const lower = make('lower', {
      'a/b/old': { text: 'O' },
      'a/b/': { mode: 0o2711, uid: 4, gid: 5, mtime: 222, xattr: { 'user.x': 'X' } },
      'a/': { mode: 0o1777, uid: 3, mtime: 111 },
    });
    const source = context(make('context', { f: 'F' }));
    const result = await run({ lowers: [lower], source, actions: [copy('/f', '/a/b/f')] });
    const a = lstatSync(path.join(result.upper, 'a'), { bigint: true });
    const b = lstatSync(path.join(result.upper, 'a/b'), { bigint: true });
    expect([a.mtimeNs, a.mode & 0o7777n, a.uid]).toEqual([111n, 0o1777n, 3n]);
    expect([b.mode & 0o7777n, b.uid, b.gid]).toEqual([0o2711n, 4n, 5n]);
    expect(b.mtimeNs).toBeGreaterThan(222n);
    expect(llistxattr(path.join(result.upper, 'a/b'))).toEqual(['user.x']);
    expect(result.info).toEqual({ bytes: 1, entries: 3, isEmpty: false });
  });

  test('gives an existing directory the time of the copied one, and sub-directories all of it', async () => {
    const lower = make('lower', { 'x/s/old': 'O', 'x/': { mode: 0o711, uid: 2, mtime: 5 } });
    const root = make('context', {
      'd/s/new': { text: 'N', mtime: 7 },
      'd/s/': { mode: 0o705, mtime: 8 },
      'd/': { mode: 0o700, mtime: 9 },
    });
    const result = await run({
      lowers: [lower],
      source: context(root),
      actions: [copy('/d', '/x')],
    });
    const lines = listing(result, { times: true }).filter((line) => !line.includes('old'));
    expect(lines).toEqual([
      '/x directory 711 2:2 @9',
      '/x/s directory 705 0:0 @8',
      '/x/s/new file 644 0:0 "N" @7',
    ]);
  });

  test.each<[string, Files, string, string, string[]]>([
    ['a file over a file', { x: 'old' }, '/f', '/x', ['/x file 644 0:0 "F"']],
    [
      'a file into a directory',
      { 'x/': {}, 'x/old': 'O' },
      '/f',
      '/x',
      ['/x directory 755 0:0', '/x/f file 644 0:0 "F"', '/x/old file 644 0:0 "O"'],
    ],
    [
      'through a link to a directory',
      { 'real/old': 'O', x: { symlink: 'real' } },
      '/d',
      '/x',
      [
        '/real directory 755 0:0',
        '/real/g file 644 0:0 "G"',
        '/real/old file 644 0:0 "O"',
        '/x symlink 777 0:0 -> real',
      ],
    ],
    [
      'through a link to a file that is not there yet',
      { x: { symlink: '/new/y' } },
      '/f',
      '/x',
      ['/new directory 755 0:0', '/new/y file 644 0:0 "F"', '/x symlink 777 0:0 -> /new/y'],
    ],
    [
      'in place of a link inside the destination directory',
      { 'x/f': { symlink: '/etc' }, 'etc/': {} },
      '/f',
      '/x/',
      ['/etc directory 755 0:0', '/x directory 755 0:0', '/x/f file 644 0:0 "F"'],
    ],
  ])('%s', async (_what, below, source, destination, expected) => {
    const lower = make('lower', below);
    const root = make('context', { f: 'F', 'd/g': 'G' });
    const result = await run({
      lowers: [lower],
      source: context(root),
      actions: [copy(source, destination)],
    });
    expect(listing(result)).toEqual(expected);
  });

  test.each<[string, Files, string, string, string]>([
    [
      'a file over a directory',
      { 'x/f/': {} },
      '/f',
      '/x/',
      'Cannot copy "/f": cannot replace to directory /x/f with file',
    ],
    [
      'a directory over a file',
      { x: '' },
      '/d',
      '/x',
      'Cannot copy "/d": cannot copy to non-directory: /x',
    ],
    [
      'a directory over a link below the destination',
      { 'x/s': { symlink: '/etc' }, 'etc/': {} },
      '/d',
      '/x',
      'Cannot copy "/d/s": cannot copy to non-directory: /x/s',
    ],
    [
      'a file below a file',
      { x: '' },
      '/f',
      '/x/y/z',
      'Cannot create "/x": "/x" or a part of it is not a directory',
    ],
    [
      'a loop of links',
      { x: { symlink: 'x' } },
      '/f',
      '/x/y',
      'Cannot look up "/x": it leads through more than 255 symbolic links',
    ],
  ])('refuses %s', async (_what, below, source, destination, message) => {
    const lower = make('lower', below);
    const root = make('context', { f: 'F', 'd/s/g': 'G' });
    await expect(
      run({ lowers: [lower], source: context(root), actions: [copy(source, destination)] }),
    ).rejects.toThrow(message);
  });
});

describe.runIf(isRoot)('runFileOp() does the small actions', () => {
  const nothing = openChainTree([]);

  test('mkdir with parents, through links, leaving what is there alone', async () => {
    const lower = make('lower', { 'real/': { uid: 5 }, l: { symlink: 'real' } });
    const result = await run({
      lowers: [lower],
      source: nothing,
      actions: [
        {
          action: 'mkdir',
          path: '/l/a/b',
          mode: 0o755,
          makesParents: true,
          owner: { user: '6', group: '7' },
        },
        { action: 'mkdir', path: '/real', mode: 0o700, makesParents: true, owner: undefined },
      ],
    });
    expect(listing(result)).toEqual([
      '/l symlink 777 0:0 -> real',
      '/real directory 755 5:5',
      '/real/a directory 755 6:7',
      '/real/a/b directory 755 6:7',
    ]);
  });

  test('mkdir of a directory that is there changes nothing at all', async () => {
    const lower = make('lower', { 'a/b/': {} });
    const { info } = await run({
      lowers: [lower],
      source: nothing,
      actions: [
        { action: 'mkdir', path: '/a/b', mode: 0o755, makesParents: true, owner: undefined },
      ],
    });
    expect(info).toEqual({ bytes: 0, entries: 0, isEmpty: true });
  });

  test('mkfile and symlink', async () => {
    const result = await run({
      source: nothing,
      actions: [
        { action: 'mkfile', path: '/f', mode: '0644', data: 'grüße', owner: undefined },
        { action: 'symlink', path: '/l', target: '../f', owner: { user: '3', group: undefined } },
      ],
    });
    expect(listing(result)).toEqual(['/f file 644 0:0 "grüße"', '/l symlink 777 3:3 -> ../f']);
  });

  test('rm takes names away with wildcards, and a new directory does not bring them back', async () => {
    const lower = make('lower', { 'a/one.o': '', 'a/two.o': '', 'a/keep': '', 'b/old': '' });
    const result = await run({
      lowers: [lower],
      source: nothing,
      actions: [
        { action: 'rm', path: '/a/*.o', allowsNotFound: false, allowsWildcard: true },
        { action: 'rm', path: '/b', allowsNotFound: false, allowsWildcard: false },
        { action: 'mkdir', path: '/b', mode: 0o755, makesParents: true, owner: undefined },
        { action: 'rm', path: '/none', allowsNotFound: true, allowsWildcard: false },
      ],
    });
    const expected = ['/a directory 755 0:0', '/a/keep file 644 0:0 ""', '/b directory 755 0:0'];
    expect(listing(result)).toEqual(expected);
    expect(hostListing(rig.mountResult(result))).toEqual(expected);
  });

  // BuildKit 4ed7a2ff3: such paths once led to the sibling of the root directory.
  test.each(['..', '/a/../..', '../victim', '/link/victim'])(
    'C08 rm %s stays inside',
    async (target) => {
      make('victim', { v: 'V' });
      const lower = make('lower', { 'a/': {}, link: { symlink: rig.dir } });
      const removing = run({
        lowers: [lower],
        source: nothing,
        actions: [{ action: 'rm', path: target, allowsNotFound: true, allowsWildcard: true }],
      });
      await removing.catch(() => undefined);
      expect(readFileSync(path.join(rig.dir, 'victim/v'), 'utf8')).toBe('V');
    },
  );
});

describe.runIf(isRoot)('runFileOp() in hostile trees', () => {
  const CANARY = 'from outside';

  test.each<[string, Files, Files, string, string]>([
    [
      'C11 a context link to an absolute path',
      { link: { symlink: '<OUT>' } },
      {},
      '/link/secret',
      '/p',
    ],
    [
      'C11 a context link with many ..',
      { link: { symlink: '../../../../../../../../<OUT>' } },
      {},
      '/link/secret',
      '/p',
    ],
    ['C11 a wildcard below such a link', { link: { symlink: '<OUT>' } }, {}, '/link/s*', '/p/'],
    [
      'a destination link out of the image',
      { f: 'F' },
      { link: { symlink: '<OUT>' } },
      '/f',
      '/link/secret',
    ],
    [
      'a destination link with ..',
      { f: 'F' },
      { 'a/link': { symlink: '../../../..<OUT>' } },
      '/f',
      '/a/link/secret',
    ],
    [
      'a link that is the destination',
      { f: 'F' },
      { secret: { symlink: '<OUT>/secret' } },
      '/f',
      '/secret',
    ],
    [
      'a link in place of a copied directory',
      { 'd/s/secret': 'F' },
      { s: { symlink: '<OUT>' } },
      '/d',
      '/',
    ],
  ])('%s leads nowhere else', async (_what, files, below, source, destination) => {
    const out = make('OUT', { secret: CANARY });
    const aimed = (tree: Files): Files =>
      Object.fromEntries(
        Object.entries(tree).map(([name, what]) => [
          name,
          typeof what === 'string' || what.symlink === undefined
            ? what
            : { ...what, symlink: what.symlink.replace('<OUT>', out) },
        ]),
      );
    const job = run({
      lowers: [make('lower', aimed(below))],
      source: context(make('context', aimed(files))),
      actions: [copy(source, destination)],
    });
    const result = await job.catch(() => undefined);
    expect(readdirSync(out)).toEqual(['secret']);
    expect(readFileSync(path.join(out, 'secret'), 'utf8')).toBe(CANARY);
    expect(result === undefined ? '' : listing(result).join('\n')).not.toContain(CANARY);
  });

  test('a device 0/0 in a context cannot remove a file of the image', async () => {
    const lower = make('lower', { 'etc/passwd': 'root' });
    const root = make('context', { 'etc/passwd': { type: 'whiteout' } });
    await expect(
      run({ lowers: [lower], source: context(root), actions: [copy('/', '/')] }),
    ).rejects.toThrow(
      'Cannot create the device "/etc/passwd": number 0, 0 stands for a removed file',
    );
  });

  test('an attribute of overlayfs in a context is not copied', async () => {
    const root = make('context', { 'd/s/': { xattr: { 'user.overlay.opaque': 'y' } } });
    const lower = make('lower', { 's/kept': 'K' });
    const result = await run({
      lowers: [lower],
      source: context(root),
      actions: [copy('/d', '/')],
    });
    expect(listing(result)).toContain('/s/kept file 644 0:0 "K"');
  });
});

describe.runIf(isRoot)('runFileOp() leaves what the kernel shows the same way', () => {
  test('after copies over several layers', async () => {
    const base = make('base', {
      'usr/bin/tool': { text: 'T', mode: 0o755 },
      'usr/gone/x': 'X',
      'etc/conf': 'old',
      'app/a/b/c': 'C',
      bin: { symlink: 'usr/bin' },
    });
    const middle = make('middle', { 'usr/gone': { type: 'whiteout' }, 'app/a/d': 'D' });
    const root = make('context', {
      'app/a/b/new': { text: 'N', mtime: 3 },
      'app/a/b/': { mtime: 4, mode: 0o750 },
      'etc/conf': 'new',
      'usr/gone/y': 'Y',
    });
    const result = await run({
      lowers: [middle, base],
      source: context(root),
      actions: [
        copy('/app', '/app'),
        copy('/etc/conf', '/etc/'),
        copy('/usr', '/usr'),
        copy('/etc/conf', '/bin/tool2'),
        { action: 'rm', path: '/app/a/d', allowsNotFound: false, allowsWildcard: false },
      ],
    });
    const lines = listing(result, { times: true });
    expect(hostListing(rig.mountResult(result), { times: true })).toEqual(lines);
    expect(lines.some((line) => line.startsWith('/usr/gone/x'))).toBe(false);
    expect(lines.some((line) => line.startsWith('/usr/bin/tool2'))).toBe(true);
  });
});
