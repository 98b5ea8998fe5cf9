import { execFileSync } from 'node:child_process';
import {
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { parseDiffId } from '../core/digest.ts';
import {
  directory,
  file,
  hardlink,
  symlink,
  tarArchiveOf,
  whiteout,
  type EntrySketch,
} from '../testing/tar-builder.ts';
import { look, read, unpackAll as unpackInto, unpackBytes } from '../testing/unpack-rig.ts';
import type { FileTree } from '../tree/file-tree.ts';
import { unpackLayer } from './unpack.ts';

let base: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'unpack-'));
});
afterEach(() => {
  rmSync(base, { recursive: true });
});

const { signal } = new AbortController();
const unpackAll = (...layers: readonly (readonly EntrySketch[])[]): Promise<FileTree> =>
  unpackInto(base, ...layers);

describe.runIf(process.getuid?.() === 0)('unpackLayer()', () => {
  test('follows absolute links inside the root (A16)', async () => {
    const tree = await unpackAll(
      [directory('run'), directory('var'), symlink('var/run', '/run')],
      [
        directory('var/run/act'),
        file('var/run/act/HEAD', 'ref'),
        hardlink('var/run/act/HEAD.link', 'var/run/act/HEAD'),
      ],
    );
    expect(read(tree, '/run/act/HEAD')).toBe('ref');
    expect(look(tree, '/run/act/HEAD')?.ino).toBe(look(tree, '/run/act/HEAD.link')?.ino);
    expect(look(tree, '/var/run')?.type).toBe('symlink');
  });

  test('keeps upward links as they are, and replaces a link without following it (A17)', async () => {
    const up = '../../../../../../../../etc/pki/java/cacerts';
    const tree = await unpackAll(
      [symlink('certs', up), symlink('sh', 'dash')],
      [symlink('sh', 'bash')],
    );
    const certs = look(tree, '/certs');
    expect(certs === undefined ? undefined : readlinkSync(certs.hostPath)).toBe(up);
    const sh = look(tree, '/sh');
    expect(sh === undefined ? undefined : readlinkSync(sh.hostPath)).toBe('bash');
  });

  test('gives directories it does not name what the layer below has', async () => {
    const tree = await unpackAll([{ ...directory('tmp', 0o1777), uid: 7 }], [file('tmp/x')]);
    expect(look(tree, '/tmp')).toMatchObject({ mode: 0o1777, uid: 7 });
  });

  test('hides only what is below the layer (A15)', async () => {
    const tree = await unpackAll(
      [directory('d'), file('d/a', '1'), file('d/old')],
      [file('d/a', '2'), file('d/.wh..wh..opq'), file('d/b')],
    );
    expect(read(tree, '/d/a')).toBe('2');
    expect(look(tree, '/d/b')).toBeDefined();
    expect(look(tree, '/d/old')).toBeUndefined();
  });

  test('removes files, and links without their targets', async () => {
    const tree = await unpackAll(
      [file('f'), file('kept', 'x'), symlink('l', 'kept')],
      [whiteout('f'), whiteout('l')],
    );
    expect(look(tree, '/f')).toBeUndefined();
    expect(look(tree, '/l')).toBeUndefined();
    expect(read(tree, '/kept')).toBe('x');
  });

  test('replaces directories by files and files by directories (A21)', async () => {
    const tree = await unpackAll(
      [directory('a'), file('a/b'), file('c')],
      [file('a', 'x'), directory('c'), file('c/d', 'y')],
    );
    expect(read(tree, '/a')).toBe('x');
    expect(read(tree, '/c/d')).toBe('y');
  });

  test.each<[string, readonly EntrySketch[], readonly EntrySketch[], Record<string, string>]>([
    [
      'a directory over a link of the layer below',
      [directory('e'), symlink('e/evil', '/etc'), directory('etc'), symlink('d', '/e')],
      [directory('d'), file('d/evil/x', 'x')],
      { '/d/evil': 'directory', '/d/evil/x': 'file', '/etc/x': '', '/e/evil': 'symlink' },
    ],
    [
      'a directory over a file of the layer below',
      [directory('e'), file('e/f'), file('d')],
      [directory('d'), file('d/x')],
      { '/d/x': 'file', '/e/f': 'file' },
    ],
    [
      'a directory that takes the place of a link which was followed before',
      [directory('e'), symlink('d', '/e')],
      [file('d/before'), directory('d'), file('d/after')],
      { '/e/before': 'file', '/e/after': '', '/d/after': 'file' },
    ],
    [
      'a link that takes the place of one which was followed before',
      [directory('e'), directory('g'), symlink('d', '/e')],
      [file('d/before'), symlink('d', 'g'), file('d/after')],
      { '/e/before': 'file', '/e/after': '', '/g/after': 'file' },
    ],
    [
      'a directory after a file of the same name',
      [directory('a'), file('a/b')],
      [file('a'), directory('a'), file('a/c')],
      { '/a/b': '', '/a/c': 'file' },
    ],
    [
      'a directory after a link of the same name',
      [directory('a'), directory('a/b'), file('a/b/c')],
      [symlink('a', '/x'), directory('a'), directory('a/b')],
      { '/a/b': 'directory', '/a/b/c': '' },
    ],
    [
      'a directory after a hard link of the same name',
      [directory('a'), file('a/b')],
      [file('f'), hardlink('a', 'f'), directory('a')],
      { '/a/b': '', '/a': 'directory' },
    ],
    [
      'a directory that was opaque and comes back',
      [directory('a'), directory('a/b'), file('a/b/c')],
      [directory('a/b'), file('a/b/.wh..wh..opq'), file('a'), directory('a'), file('a/b/d')],
      { '/a/b/c': '', '/a/b/d': 'file' },
    ],
  ])('gives what applying the entries one by one gives: %s', async (_what, below, above, want) => {
    const tree = await unpackAll(below, above);
    const found = Object.keys(want).map((path) => [path, look(tree, path)?.type ?? '']);
    expect(Object.fromEntries(found)).toEqual(want);
  });

  test('links nothing that the layer below shows behind a replaced link', async () => {
    const unpacked = unpackAll(
      [directory('e'), file('e/f'), symlink('d', '/e')],
      [directory('d'), hardlink('y', 'd/f')],
    );
    await expect(unpacked).rejects.toMatchObject({
      code: 'LAYER_ENTRY_REFUSED',
      message: 'Cannot unpack "y": it links to "d/f", which is not there',
    });
  });

  test('makes directories it does not name 0755, whatever the umask', async () => {
    const umask = process.umask(0o077);
    try {
      const tree = await unpackAll([file('a/b/c')], [whiteout('a'), file('a/d/e')]);
      expect(['/a', '/a/d'].map((path) => look(tree, path)?.mode)).toEqual([0o755, 0o755]);
    } finally {
      process.umask(umask);
    }
  });

  test('copies fifos and devices up that a hard link shares with the layer below', async () => {
    const tree = await unpackAll(
      [
        { name: 'p', type: 'fifo', mode: 0o620, uid: 4 },
        { name: 'c', type: 'char-device', devMajor: 5, devMinor: 1, mode: 0o600, gid: 5 },
        { name: 'b', type: 'block-device', devMajor: 7, devMinor: 300, mode: 0o640 },
      ],
      [hardlink('p2', 'p'), hardlink('c2', 'c'), hardlink('b2', 'b')],
    );
    expect(look(tree, '/p2')).toMatchObject({ type: 'fifo', mode: 0o620, uid: 4 });
    expect(look(tree, '/c2')).toMatchObject({ type: 'char-device', rdev: 0x501, gid: 5 });
    expect(look(tree, '/b2')).toMatchObject({ type: 'block-device', mode: 0o640, nlink: 2 });
    expect(look(tree, '/b2')?.rdev).toBe(look(tree, '/b')?.rdev);
  });

  test('hides everything below with an opaque mark in the root', async () => {
    const tree = await unpackAll(
      [directory('d'), file('d/old'), file('f'), file('g')],
      [file('d/new'), file('.wh..wh..opq'), file('g', 'x'), file('d/newer')],
    );
    expect(tree.list(look(tree, '/') ?? fail())).toEqual(['d', 'g']);
    expect(tree.list(look(tree, '/d') ?? fail())).toEqual(['new', 'newer']);
  });

  test('replaces a fifo without opening it', async () => {
    const tree = await unpackAll([[{ name: 'p', type: 'fifo' as const }, file('p', 'x')]].flat());
    expect(read(tree, '/p')).toBe('x');
  });

  test('copies a file up that a hard link shares with the layer below', async () => {
    const tree = await unpackAll(
      [{ ...file('a', 'text'), uid: 3, mode: 0o640 }],
      [hardlink('b', 'a')],
    );
    expect(read(tree, '/b')).toBe('text');
    expect(look(tree, '/b')).toMatchObject({ uid: 3, mode: 0o640 });
    expect(look(tree, '/a')?.ino).toBe(look(tree, '/b')?.ino);
  });

  test('keeps setuid, owners, times and names that are not UTF-8', async () => {
    const tree = await unpackAll([
      {
        name: '\xff\xfe',
        mode: 0o4755,
        uid: 3_000_000,
        gid: 8,
        mtime: 1_234_567_890,
        content: 'x',
      },
    ]);
    const [name = ''] = tree.list(look(tree, '/') ?? fail());
    expect(name).toBe('\xff\xfe');
    expect(look(tree, '/\xff\xfe')).toMatchObject({
      mode: 0o4755,
      uid: 3_000_000,
      gid: 8,
      mtimeNs: 1_234_567_890_000_000_000n,
    });
  });

  test('gives directories their own times, whatever is put into them', async () => {
    const tree = await unpackAll([{ ...directory('d'), mtime: 1000 }, file('d/f')]);
    expect(look(tree, '/d')?.mtimeNs).toBe(1_000_000_000_000n);
  });

  test('G12 checks the diff id over all bytes, also behind the archive', async () => {
    const dir = join(base, 'checked');
    mkdirSync(dir);
    const tar = tarArchiveOf(file('a'));
    const { diffId } = await unpackBytes(tar, join(base, 'first'));
    async function* withTail(): AsyncGenerator<Uint8Array> {
      yield await Promise.resolve(gzipSync(Buffer.concat([tar, Buffer.alloc(512, 'x')])));
    }
    const expectedDiffId = parseDiffId(diffId);
    await expect(
      unpackLayer(withTail(), dir, { lower: undefined, expectedDiffId }, signal),
    ).rejects.toMatchObject({ code: 'DIFF_ID_MISMATCH' });
  });

  test.each([
    ['cut off', (gz: Buffer) => gz.subarray(0, -4)],
    ['followed by something else', (gz: Buffer) => Buffer.concat([gz, Buffer.from('X')])],
    [
      'not gzip after its first bytes',
      () => Buffer.from([0x1f, 0x8b, 9, 9, 9, 9, 9, 9, 9, 9, 9, 9]),
    ],
  ])('refuses a compressed layer that is %s', async (_what, damage) => {
    const gz = gzipSync(tarArchiveOf(file('a', 'x'.repeat(5000))));
    await expect(unpackBytes(damage(gz), join(base, 'bad'))).rejects.toMatchObject({
      code: 'COMPRESSION_INVALID',
    });
  });

  test('reads what GNU tar writes, sparse or not', async () => {
    mkdirSync(join(base, 'src'));
    writeFileSync(join(base, 'src/f'), 'hello');
    const tar = execFileSync('tar', [
      '-C',
      join(base, 'src'),
      '--format=gnu',
      '-c',
      `--transform=s/f/${'n'.repeat(150)}/`,
      'f',
    ]);
    await unpackBytes(tar, join(base, 'gnu'));
    expect(readFileSync(join(base, 'gnu', 'n'.repeat(150)), 'utf8')).toBe('hello');
  });

  test('stops when aborted', async () => {
    const dir = join(base, 'aborted');
    mkdirSync(dir);
    const controller = new AbortController();
    async function* endless(): AsyncGenerator<Uint8Array> {
      const tar = tarArchiveOf(file('a'));
      yield await Promise.resolve(tar.subarray(0, 512));
      controller.abort(new Error('stop'));
      for (;;) yield await Promise.resolve(tar.subarray(0, 512));
    }
    const options = { lower: undefined, expectedDiffId: undefined };
    await expect(unpackLayer(endless(), dir, options, controller.signal)).rejects.toThrow('stop');
    expect(existsSync(join(dir, 'a'))).toBe(true);
    expect(lstatSync(dir).isDirectory()).toBe(true);
  });
});

function fail(): never {
  throw new Error('No root directory');
}
