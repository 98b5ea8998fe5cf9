import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import {
  directory,
  entryOf,
  file,
  hardlink,
  symlink,
  tarArchiveOf,
} from '../testing/tar-builder.ts';
import { look, read, unpackAll, unpackBytes } from '../testing/unpack-rig.ts';
import { openChainTree } from '../tree/chain-tree.ts';
import { DEFAULT_UNPACK_LIMITS } from './unpack-limits.ts';

let base: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'unpack-bombs-'));
});
afterEach(() => {
  rmSync(base, { recursive: true });
});

const zeros = gzipSync(tarArchiveOf(file('zeros', '\0'.repeat(4_000_000))));
const many = tarArchiveOf(...Array.from({ length: 30 }, (_, i) => file(String(i))));

describe('unpackLayer() stops at its limits (B10)', () => {
  test.each<[string, Buffer, object, string]>([
    ['bytes', zeros, { bytes: 1_000_000 }, 'Cannot unpack layer: it has more than 1000000 bytes'],
    [
      'bytes after the end of the archive',
      gzipSync(Buffer.concat([tarArchiveOf(file('a')), Buffer.alloc(3_000_000)])),
      { bytes: 1_000_000 },
      'Cannot unpack layer: it has more than 1000000 bytes',
    ],
    ['entries', many, { entries: 29 }, 'Cannot unpack layer: it has more than 29 files'],
    [
      'directories that no entry names',
      tarArchiveOf(file(`${'d/'.repeat(50)}f`)),
      { entries: 50 },
      'Cannot unpack layer: it has more than 50 files',
    ],
  ])('%s', async (_what, layer, limits, message) => {
    await expect(unpackBytes(layer, join(base, 'fs'), { limits })).rejects.toMatchObject({
      code: 'LAYER_TOO_LARGE',
      class: 'input',
      message,
    });
  });

  test('the ratio, once enough compressed bytes came in', async () => {
    const unpacked = unpackBytes(zeros, join(base, 'fs'), {
      limits: { ratio: 100, ratioFromBytes: 1000 },
    });
    await expect(unpacked).rejects.toThrow(
      /^Cannot unpack layer: \d+ compressed bytes became \d+$/,
    );
    await unpackBytes(zeros, join(base, 'again'), {
      limits: { ratio: 100, ratioFromBytes: 1_000_000 },
    });
  });

  test('attributes of one entry', async () => {
    const xattrs = Array.from({ length: 20 }, (_, i) => ({
      name: `user.${String(i)}`,
      value: Buffer.alloc(100),
    }));
    const layer = tarArchiveOf({ name: 'a', xattrs });
    await expect(
      unpackBytes(layer, join(base, 'fs'), { limits: { xattrBytes: 2000 } }),
    ).rejects.toMatchObject({
      code: 'LAYER_ENTRY_REFUSED',
      message: 'Cannot unpack "a": its attributes have more than 2000 bytes',
    });
  });

  test('depth', async () => {
    const layer = tarArchiveOf(file(`${'d/'.repeat(1025)}f`));
    await expect(unpackBytes(layer, join(base, 'fs'))).rejects.toMatchObject({
      code: 'LAYER_ENTRY_REFUSED',
    });
  });

  test('and takes what is exactly as large as they are', async () => {
    const limits = { entries: 30, bytes: many.length };
    expect(await unpackBytes(many, join(base, 'fs'), { limits })).toMatchObject({ entries: 30 });
  });

  test('which are large enough for every real layer', () => {
    expect(DEFAULT_UNPACK_LIMITS).toEqual({
      entries: 2_000_000,
      bytes: 64 * 2 ** 30,
      ratio: 1000,
      ratioFromBytes: 64 * 2 ** 20,
      xattrBytes: 2 ** 20,
    });
  });
});

describe.runIf(process.getuid?.() === 0)('unpackLayer()', () => {
  test('B11 reads all members of a gzip file as one archive', async () => {
    const archive = tarArchiveOf(file('a', 'text'), file('b'));
    const layer = Buffer.concat([
      gzipSync(archive.subarray(0, 700)),
      gzipSync(archive.subarray(700)),
    ]);
    const whole = await unpackBytes(gzipSync(archive), join(base, 'whole'));
    expect(await unpackBytes(layer, join(base, 'fs'))).toEqual(whole);
    expect(readFileSync(join(base, 'fs/a'), 'utf8')).toBe('text');
  });

  test('B11 a second archive behind the first adds bytes to the diff id and no files', async () => {
    const first = tarArchiveOf(file('a'));
    const layer = Buffer.concat([gzipSync(first), gzipSync(tarArchiveOf(file('b')))]);
    const one = await unpackBytes(gzipSync(first), join(base, 'one'));
    const both = await unpackBytes(layer, join(base, 'both'));
    expect(both.diffId).not.toBe(one.diffId);
    expect(both.entries).toBe(1);
    expect(existsSync(join(base, 'both/b'))).toBe(false);
  });

  test('B12 the last of two entries of one name wins', async () => {
    const tree = await unpackAll(base, [file('a', '1'), hardlink('b', 'a'), file('a', '2')]);
    expect([read(tree, '/a'), read(tree, '/b')]).toEqual(['2', '1']);
  });

  test('B12 a hard link to itself changes nothing', async () => {
    const tree = await unpackAll(base, [file('a', 'x'), hardlink('a', 'a')]);
    expect(look(tree, '/a')).toMatchObject({ type: 'file', size: 1, nlink: 1 });
  });

  test('B12 a way through a loop of links is refused', async () => {
    const unpacked = unpackAll(base, [symlink('a', 'b'), symlink('b', 'a'), file('a/f')]);
    await expect(unpacked).rejects.toMatchObject({
      code: 'LAYER_ENTRY_REFUSED',
      message: 'Cannot unpack "a": it leads through too many links',
    });
  });

  test.each([
    [-(2 ** 40), -(2 ** 31)],
    [-1, -1],
    [2 ** 40, 15_032_385_535],
  ])('B12 the time %d becomes %d', async (mtime, seconds) => {
    const tree = await unpackAll(base, [
      { name: 'a', mtime },
      { ...directory('d'), mtime },
    ]);
    const found = ['/a', '/d'].map((path) => look(tree, path)?.mtimeNs);
    expect(found).toEqual([BigInt(seconds) * 10n ** 9n, BigInt(seconds) * 10n ** 9n]);
  });

  test('A06 links nothing of the directory that this process is in', async () => {
    const before = process.cwd();
    process.chdir(base);
    try {
      writeFileSync('victim.secret', 'secret');
      await expect(unpackAll(base, [hardlink('e', 'victim.secret')])).rejects.toMatchObject({
        code: 'LAYER_ENTRY_REFUSED',
        message: 'Cannot unpack "e": it links to "victim.secret", which is not there',
      });
    } finally {
      process.chdir(before);
    }
  });

  test('A11 writes through no link that appears where a file is to be', async () => {
    const victim = join(base, 'victim');
    writeFileSync(victim, 'kept');
    mkdirSync(join(base, 'fs'));
    const layer = tarArchiveOf(file('a'), file('b', 'changed'));
    const { unpackLayer } = await import('./unpack.ts');
    async function* planting(): AsyncGenerator<Uint8Array> {
      yield await Promise.resolve(layer.subarray(0, 512));
      // As an attacker would who can write to the directory, contrary to what is promised.
      const { symlinkSync } = await import('node:fs');
      symlinkSync(victim, join(base, 'fs/b'));
      yield layer.subarray(512);
    }
    const options = { lower: openChainTree([]), expectedDiffId: undefined };
    await unpackLayer(planting(), join(base, 'fs'), options, new AbortController().signal);
    expect(readFileSync(victim, 'utf8')).toBe('kept');
    expect(readFileSync(join(base, 'fs/b'), 'utf8')).toBe('changed');
  });

  test('A19 starts no decompressor that the search path or the image offers', async () => {
    const bin = join(base, 'bin');
    const canary = join(base, 'ran');
    mkdirSync(bin);
    for (const name of ['gzip', 'unpigz', 'zstd', 'tar']) {
      writeFileSync(join(bin, name), `#!/bin/sh\ntouch ${canary}\n`);
      chmodSync(join(bin, name), 0o755);
    }
    const before = process.env['PATH'];
    process.env['PATH'] = [bin, before].join(delimiter);
    try {
      await unpackBytes(gzipSync(many), join(base, 'fs'));
      // A frame of zstd with nothing in it. Where nobody can read it, it is refused.
      const empty = Buffer.from('28b52ffd2000010000', 'hex');
      const found = await unpackBytes(empty, join(base, 'zstd')).catch((error: unknown) => error);
      const refused = { code: 'COMPRESSION_INVALID' };
      expect(found).toMatchObject(found instanceof Error ? refused : { entries: 0 });
    } finally {
      process.env['PATH'] = before;
    }
    expect(existsSync(canary)).toBe(false);
  });

  test('gives owners by number and never asks the image for names (A20)', async () => {
    const tree = await unpackAll(base, [
      directory('etc'),
      file('etc/passwd', 'root:x:4242:4242::/:/bin/sh\n'),
      file('etc/nsswitch.conf', 'passwd: evil\n'),
      { name: 'f', uid: 7, gid: 8 },
    ]);
    expect(look(tree, '/f')).toMatchObject({ uid: 7, gid: 8 });
  });

  test('unpacks below a directory whose name is not ASCII', async () => {
    const root = join(base, 'josé-日本');
    mkdirSync(root);
    const entries = [
      directory('d'),
      {
        ...file('d/f', 'x'),
        uid: 5,
        mtime: 77,
        xattrs: [{ name: 'user.a', value: Buffer.from('v') }],
      },
      { name: 'p', type: 'fifo' as const },
    ];
    const above = [file('d/.wh..wh..opq'), hardlink('q', 'p'), file('.wh.d2')];
    const tree = await unpackAll(root, entries, above);
    expect(look(tree, '/q')).toMatchObject({ type: 'fifo', nlink: 2 });
    expect(look(tree, '/d/f')).toBeUndefined();
    const { measureLayer } = await import('./measure-layer.ts');
    const { signal } = new AbortController();
    const measured = await measureLayer(join(root, 'layer0'), { clampMtime: 0 }, signal);
    mkdirSync(join(base, 'ascii'));
    await unpackAll(join(base, 'ascii'), entries);
    const plain = join(base, 'ascii/layer0');
    expect(measured).toEqual(await measureLayer(plain, { clampMtime: 0 }, signal));
    // A header, an extended header with the attribute, content; two headers; the end.
    expect(measured.size).toBe(entryOf(file('f', 'x')).length + 1024 + 2 * 512 + 1024);
  });
});
