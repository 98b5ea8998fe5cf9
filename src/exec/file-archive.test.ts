import { execFileSync } from 'node:child_process';
import { lstatSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { CopyAction } from '../ops/op.ts';
import {
  copy,
  listing,
  openFileOpRig,
  type FileOpRig,
  type Files,
  type Result,
} from '../testing/file-op-rig.ts';
import { openContext } from '../tree/context-tree.ts';

const isRoot = process.geteuid?.() === 0;

let rig: FileOpRig;
beforeEach(() => {
  rig = openFileOpRig();
});
afterEach(() => {
  rig.dispose();
});

/** Packs with the host's tar into the context directory and returns it. */
function pack(name: string, files: Files, args: readonly string[] = []): string {
  const from = rig.make('packed', files);
  const context = path.join(rig.dir, 'context');
  mkdirSync(context, { recursive: true });
  execFileSync('tar', [
    '--numeric-owner',
    ...args,
    '-cf',
    path.join(context, name),
    '-C',
    from,
    '.',
  ]);
  return context;
}

/** Writes an archive whose names and links no tar program would make. */
function forge(name: string, script: string): string {
  const context = path.join(rig.dir, 'context');
  mkdirSync(context, { recursive: true });
  const program = `import tarfile,io,sys
t=tarfile.open(sys.argv[1],'w')
def add(name,type=tarfile.REGTYPE,link='',data=b'',**more):
    i=tarfile.TarInfo(name); i.type=type; i.linkname=link; i.size=len(data)
    for k,v in more.items(): setattr(i,k,v)
    t.addfile(i,io.BytesIO(data))
${script}
t.close()`;
  execFileSync('python3', ['-c', program, path.join(context, name)]);
  return context;
}

function add(
  context: string,
  source: string,
  more: Partial<CopyAction> = {},
  lower: Files = {},
): Promise<Result> {
  return rig.run({
    lowers: [rig.make('lower', lower)],
    source: openContext(context, undefined),
    actions: [copy(source, '/x/', { unpacksArchives: true, ...more })],
  });
}

describe.runIf(isRoot)('ADD of an archive', () => {
  test.each<[string, string[]]>([
    ['a.tar', []],
    ['a.tar.gz', ['-z']],
    ['a.tar.bz2', ['-j']],
    ['a.tar.xz', ['-J']],
    ['a.tar.zst', ['--zstd']],
    ['looks-like-nothing', ['-z']],
  ])('unpacks %s', async (name, args) => {
    const context = pack(
      name,
      {
        'd/f': { text: 'F', uid: 5, mode: 0o4755, mtime: 1_000_000_000 },
        'd/h': { hardLink: 'd/f' },
        l: { symlink: 'd' },
      },
      args,
    );
    const result = await add(context, `/${name}`);
    expect(listing(result)).toEqual([
      '/x directory 755 0:0',
      '/x/d directory 755 0:0',
      '/x/d/f file 4755 5:5 "F"',
      '/x/d/h file 4755 5:5 "F"',
      '/x/l symlink 777 0:0 -> d',
    ]);
    const f = lstatSync(path.join(result.upper, 'x/d/f'));
    expect([f.mtimeMs, f.nlink]).toEqual([1000, 2]);
  });

  test('gives everything to --chown and leaves --chmod alone', async () => {
    const context = pack('a.tar', { f: { text: 'F', uid: 5, mode: 0o600 } });
    const result = await add(context, '/a.tar', { owner: { user: '7', group: '8' }, mode: '777' });
    expect(listing(result)).toEqual(['/x directory 755 7:8', '/x/f file 600 7:8 "F"']);
  });

  test.each<[string, string | Buffer]>([
    ['text', 'hello'],
    ['an empty file', ''],
    [
      'gzip of something else',
      Buffer.from('1f8b0800000000000003cb48cdc9c9070086a6103605000000', 'hex'),
    ],
    ['a broken gzip', Buffer.from('1f8b0800', 'hex')],
    ['what begins like bzip2', 'BZh is not all'],
  ])('copies %s as it is', async (_what, content) => {
    const context = rig.make('context', {});
    writeFileSync(path.join(context, 'f.tar'), content);
    const { upper } = await add(context, '/f.tar');
    expect(readFileSync(path.join(upper, 'x/f.tar'))).toEqual(Buffer.from(content));
  });

  test('replaces what is in the way and merges directories', async () => {
    const context = pack('a.tar', { 'd/new': 'N', file: 'F', 'dir/': {} });
    const result = await add(
      context,
      '/a.tar',
      {},
      { 'x/d/old': 'O', 'x/file/below': 'B', 'x/dir': 'file' },
    );
    expect(listing(result).filter((line) => !line.startsWith('/x '))).toEqual([
      '/x/d directory 755 0:0',
      '/x/d/new file 644 0:0 "N"',
      '/x/d/old file 644 0:0 "O"',
      '/x/dir directory 755 0:0',
      '/x/file file 644 0:0 "F"',
    ]);
  });

  test('an archive that is cut short is an error', async () => {
    const context = pack('a.tar', { a: 'A', b: 'B'.repeat(5000) });
    const file = path.join(context, 'a.tar');
    writeFileSync(file, readFileSync(file).subarray(0, 3000));
    await expect(add(context, '/a.tar')).rejects.toMatchObject({ code: 'TAR_INVALID' });
  });
});

describe.runIf(isRoot)('ADD of a hostile archive', () => {
  const OUT = "'<OUT>'";
  test.each<[string, string]>([
    ['names with ..', "add('../../../../../../<OUT>/new',data=b'X')"],
    ['absolute names', "add('<OUT>/new',data=b'X')"],
    ['a link and a file below it', `add('l',tarfile.SYMTYPE,${OUT})\nadd('l/secret',data=b'X')`],
    [
      'a link with .. and a file below it',
      "add('l',tarfile.SYMTYPE,'../../../../../..<OUT>')\nadd('l/secret',data=b'X')",
    ],
    [
      'a link and the file again',
      "add('secret',tarfile.SYMTYPE,'<OUT>/secret')\nadd('secret',data=b'X')",
    ],
    ['a hard link', "add('h',tarfile.LNKTYPE,'<OUT>/secret')\nadd('h',data=b'X')"],
    [
      'a hard link through a link',
      `add('l',tarfile.SYMTYPE,${OUT})\nadd('h',tarfile.LNKTYPE,'l/secret')`,
    ],
    ['a link to be chmodded', `add('l',tarfile.SYMTYPE,'<OUT>/secret',mode=0o777)`],
    [
      'a directory over a link',
      `add('l',tarfile.SYMTYPE,${OUT})\nadd('l',tarfile.DIRTYPE,mode=0o777)\nadd('l/secret',data=b'X')`,
    ],
  ])('%s touches nothing outside', async (_what, script) => {
    const out = rig.make('OUT', { secret: { text: 'canary', mode: 0o600, mtime: 5 } });
    const context = forge('a.tar', script.replaceAll('<OUT>', out));
    const result = await add(context, '/a.tar').catch(() => undefined);
    expect(readdirSync(out)).toEqual(['secret']);
    expect(readFileSync(path.join(out, 'secret'), 'utf8')).toBe('canary');
    const stat = lstatSync(path.join(out, 'secret'));
    expect([stat.mode & 0o777, stat.mtimeMs, stat.nlink]).toEqual([0o600, 0.000005, 1]);
    expect(result === undefined ? '' : listing(result).join()).not.toContain('canary');
  });

  test('a device 0/0 cannot remove a file of the image', async () => {
    const context = forge('a.tar', "add('f',tarfile.CHRTYPE)");
    await expect(add(context, '/a.tar', {}, { 'x/f': 'F' })).rejects.toMatchObject({
      code: 'DEVICE_NOT_PERMITTED',
    });
  });

  test('a hard link to a file below gets a copy of it, not the file of another layer', async () => {
    const context = forge('a.tar', "add('h',tarfile.LNKTYPE,'old')\nadd('h',data=b'X')");
    const result = await add(context, '/a.tar', {}, { 'x/old': 'O' });
    expect(readFileSync(path.join(rig.dir, 'lower/x/old'), 'utf8')).toBe('O');
    expect(listing(result).slice(1)).toEqual(['/x/h file 644 0:0 "X"', '/x/old file 644 0:0 "O"']);
  });
});
