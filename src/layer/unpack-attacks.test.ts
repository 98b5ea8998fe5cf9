import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { llistxattr } from '../host/xattr.ts';
import { directory, file, hardlink, symlink, tarArchiveOf } from '../testing/tar-builder.ts';
import { look, unpackAll, unpackBytes } from '../testing/unpack-rig.ts';
import { openChainTree } from '../tree/chain-tree.ts';
import { unpackLayer } from './unpack.ts';

const { signal } = new AbortController();

let base: string;
let outside: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'unpack-attacks-'));
  outside = join(base, 'OUT');
  mkdirSync(outside);
  writeFileSync(join(outside, 'secret'), 'secret');
});
afterEach(() => rmSync(base, { recursive: true }));

describe.runIf(process.getuid?.() === 0)('unpackLayer()', () => {
  test('A03 links no file outside through a chain of links', async () => {
    const entries = [
      directory('a/b'),
      symlink('a/b/up', '../..'),
      symlink('a/b/escape', 'up/..'),
      hardlink('x', 'a/b/escape/OUT/secret'),
      file('x', 'changed'),
    ];
    await expect(unpackAll(base, entries)).rejects.toMatchObject({ code: 'LAYER_ENTRY_REFUSED' });
    expect(readdirSync(outside)).toEqual(['secret']);
  });

  test('A10 writes nothing outside when a directory is swapped for a link again and again', async () => {
    const dir = join(base, 'fs');
    mkdirSync(dir);
    const names = Array.from({ length: 60 }, (_, index) => `a/${String(index)}`);
    const layer = tarArchiveOf(directory('a'), ...names.map((name) => file(name, 'x')));
    // As an attacker would who can write to the directory, contrary to what is promised.
    async function* swapping(): AsyncGenerator<Uint8Array> {
      for (let at = 0; at < layer.length; at += 512) {
        yield await Promise.resolve(layer.subarray(at, at + 512));
        swap(dir);
      }
    }
    const options = { lower: openChainTree([]), expectedDiffId: undefined };
    // Whether it gives up or goes on in the directory that it knows: nothing gets out.
    const outcome = await unpackLayer(swapping(), dir, options, signal).catch(
      (error: unknown) => error,
    );
    expect(outcome).toBeDefined();
    expect(readdirSync(outside)).toEqual(['secret']);
  });

  test('A18 puts a name that climbs out of its archive below the root', async () => {
    const tree = await unpackAll(base, [file('../../../OUT/x', 'x')]);
    expect(look(tree, '/OUT/x')).toBeDefined();
    expect(readdirSync(outside)).toEqual(['secret']);
  });

  test.each(['trusted.overlay.opaque', 'trusted.overlay.redirect', 'user.overlay.opaque'])(
    'A22 drops the attribute %s, which would speak to overlayfs',
    async (name) => {
      const dir = join(base, 'fs');
      const xattrs = [
        { name, value: Buffer.from('y') },
        { name: 'user.kept', value: Buffer.from('y') },
      ];
      await unpackBytes(tarArchiveOf({ ...directory('d'), xattrs }), dir);
      expect(llistxattr(Buffer.from(join(dir, 'd')))).toEqual(['user.kept']);
    },
  );
});

function swap(dir: string): void {
  const [name, aside] = [join(dir, 'a'), join(dir, 'aside')];
  if (existsSync(aside)) {
    rmSync(name);
    renameSync(aside, name);
  } else if (existsSync(name)) {
    renameSync(name, aside);
    symlinkSync(outside, name);
  }
}
