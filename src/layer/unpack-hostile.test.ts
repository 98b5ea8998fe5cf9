import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { enterPrivateMountNamespace } from '../host/mount-namespace.ts';
import { mount, umount } from '../host/mount.ts';
import {
  directory,
  file,
  hardlink,
  symlink,
  tarArchiveOf,
  whiteout,
  type EntrySketch,
} from '../testing/tar-builder.ts';
import { unpackAll as unpackInto, unpackBytes } from '../testing/unpack-rig.ts';
import type { FileTree } from '../tree/file-tree.ts';

let base: string;
let outside: string;
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'unpack-hostile-'));
  outside = join(base, 'OUT');
  mkdirSync(join(outside, 'cron.d'), { recursive: true });
  writeFileSync(join(outside, 'secret'), 'secret', { mode: 0o600 });
});
afterEach(() => {
  rmSync(base, { recursive: true });
});

/** statfs(2) */
const EXT4_MAGIC = 0xef53;

const unpackAll = (...layers: readonly (readonly EntrySketch[])[]): Promise<FileTree> =>
  unpackInto(base, ...layers);

/** Everything about the tree beside the root: if any of it changes, something got out. */
function canary(): string {
  return execFileSync('find', [outside, '-printf', '%p %m %u %g %s %T@ %n %i\\n'], {
    encoding: 'utf8',
  });
}

describe.runIf(process.getuid?.() === 0)('unpackLayer() writes nothing outside', () => {
  test.each<[string, (out: string) => readonly (readonly EntrySketch[])[], string | undefined]>([
    [
      'A01 names with ..',
      () => [[file('../../OUT/a', 'x'), file('a/../../OUT/b', 'x'), file('/abs', 'x')]],
      undefined,
    ],
    [
      'A02 a file below a linked directory',
      (out) => [[symlink('d', out), file('d/pwn', 'x')]],
      undefined,
    ],
    [
      'A02 the same over two layers',
      (out) => [[symlink('d', out)], [file('d/pwn', 'x')]],
      undefined,
    ],
    [
      'A03 a chain of links',
      () => [
        [
          directory('a/b'),
          symlink('a/b/up', '../..'),
          symlink('a/b/escape', 'up/..'),
          file('a/b/escape/OUT/f', 'x'),
        ],
      ],
      undefined,
    ],
    [
      'A04 an absolute hard link',
      (out) => [[hardlink('x', join(out, 'secret'))]],
      'LAYER_ENTRY_REFUSED',
    ],
    [
      'A05 a hard link that is relative to its entry',
      () => [[directory('s'), hardlink('s/x', '../OUT/secret')]],
      'LAYER_ENTRY_REFUSED',
    ],
    [
      'A07 a hard link before its target',
      (out) => [[hardlink('x', 't'), symlink('t', join(out, 'secret'))]],
      'LAYER_ENTRY_REFUSED',
    ],
    [
      'A08 a link in place of the root',
      (out) => [[symlink('.', out)], [file('pwn', 'x')]],
      'LAYER_ENTRY_REFUSED',
    ],
    ['A08 the root by another name', (out) => [[symlink('a/..', out)]], 'LAYER_ENTRY_REFUSED'],
    [
      'A09 a mode set through a link',
      (out) => [
        [
          symlink('f', join(out, 'secret')),
          hardlink('g', 'f'),
          { name: 'g', type: 'directory', mode: 0o4777 },
        ],
      ],
      undefined,
    ],
    [
      'A09 a directory in place of a link',
      (out) => [[symlink('d', out), directory('d', 0o777)]],
      undefined,
    ],
    [
      'A12 two spellings of one name',
      (out) => [[directory('\xc3\xa9'), symlink('e\xcc\x81', out), file('\xc3\xa9/x', 'x')]],
      undefined,
    ],
    [
      'A13 a whiteout below a linked directory',
      (out) => [[symlink('d', out)], [whiteout('d/secret')]],
      undefined,
    ],
    [
      'A13 an opaque mark below a linked directory',
      (out) => [[symlink('d', out)], [file('d/.wh..wh..opq')]],
      undefined,
    ],
    [
      'A09 the time of a directory that a link replaced',
      (out) => [[directory('d'), directory('d/cron.d'), symlink('d', out)]],
      undefined,
    ],
    ['A14 a whiteout of nothing', () => [[directory('a'), file('a/.wh.')]], 'LAYER_ENTRY_REFUSED'],
    ['A14 a whiteout of ..', () => [[file('a/.wh...')]], 'LAYER_ENTRY_REFUSED'],
    ['A14 an unknown mark', () => [[file('a/.wh..wh.foo')]], 'LAYER_ENTRY_REFUSED'],
    [
      'A22 a device that is a whiteout',
      () => [[{ name: 'passwd', type: 'char-device' as const }]],
      'LAYER_ENTRY_REFUSED',
    ],
  ])('%s', async (_name, layers, code) => {
    const before = canary();
    const unpacked = unpackAll(...layers(outside));
    if (code === undefined) await unpacked;
    else await expect(unpacked).rejects.toMatchObject({ code });
    expect(canary()).toBe(before);
  });
});

describe.runIf(process.getuid?.() === 0)('unpackLayer()', () => {
  test.each<[string, readonly EntrySketch[], string]>([
    [
      'a hard link to a directory',
      [directory('d'), hardlink('a', 'd')],
      'Cannot unpack "a": it links to "d", which is a directory',
    ],
    [
      'a hard link that replaces what its target is in',
      [directory('a'), file('a/b'), hardlink('a', 'a/b')],
      'Cannot unpack "a": it links to "a/b", which is in the directory that it replaces',
    ],
    [
      'a name of 256 bytes',
      [file('n'.repeat(256))],
      `Cannot unpack "${'n'.repeat(100)}…${'n'.repeat(100)}": a name in it, or its link target, is too long for the file system (ENAMETOOLONG)`,
    ],
    [
      'a directory name of 256 bytes on the way',
      [file(`${'n'.repeat(256)}/f`)],
      `Cannot unpack "${'n'.repeat(100)}…${'n'.repeat(98)}/f": a name in it, or its link target, is too long for the file system (ENAMETOOLONG)`,
    ],
    [
      'a link target of 4096 bytes',
      [symlink('a', 't'.repeat(4096))],
      'Cannot unpack "a": a name in it, or its link target, is too long for the file system (ENAMETOOLONG)',
    ],
    [
      'an attribute without a name',
      [{ name: 'a', xattrs: [{ name: '', value: Buffer.from('x') }] }],
      'Cannot unpack "a": the file system does not take its attribute "" of 1 bytes',
    ],
    [
      'an attribute with a name of 256 bytes',
      [{ name: 'a', xattrs: [{ name: `user.${'n'.repeat(251)}`, value: Buffer.from('x') }] }],
      `Cannot unpack "a": the file system does not take its attribute "user.${'n'.repeat(75)}" of 1 bytes`,
    ],
    [
      'a capability that is none',
      [{ name: 'a', xattrs: [{ name: 'security.capability', value: Buffer.from('x') }] }],
      'Cannot unpack "a": the file system does not take its attribute "security.capability" of 1 bytes',
    ],
    [
      'a device number that the kernel does not have',
      [{ name: 'a', type: 'char-device', devMajor: 4096 }],
      'Cannot unpack "a": there is no device 4096/0',
    ],
    [
      'control characters in a name',
      [hardlink('a\x1b[2J', 'b\n')],
      'Cannot unpack "a?[2J": it links to "b?", which is not there',
    ],
    ['a file below a file', [file('a'), file('a/b')], 'Cannot unpack "a": "/a" is not a directory'],
  ])('refuses %s', async (_what, entries, message) => {
    await expect(unpackAll(entries)).rejects.toMatchObject({
      code: 'LAYER_ENTRY_REFUSED',
      class: 'input',
      message,
    });
  });

  test.runIf(statfsSync(tmpdir()).type === EXT4_MAGIC)(
    'refuses an attribute that ext4 has no room for, rather than call the disk full',
    async () => {
      const xattrs = [{ name: 'user.a', value: Buffer.alloc(60_000) }];
      await expect(unpackAll([{ name: 'a', xattrs }])).rejects.toMatchObject({
        code: 'LAYER_ENTRY_REFUSED',
        message:
          'Cannot unpack "a": the file system does not take its attribute "user.a" of 60000 bytes',
      });
    },
  );

  test.each<[string, string, readonly EntrySketch[], RegExp]>([
    ['bytes', 'size=64k', [file('a', 'x'.repeat(100_000))], /the disk is full, \d+ bytes are free/],
    [
      'inodes',
      'nr_inodes=5',
      Array.from({ length: 9 }, (_, i) => file(String(i))),
      /the disk has no free inodes/,
    ],
  ])('says so when the disk has no %s left', async (_what, options, entries, message) => {
    enterPrivateMountNamespace();
    const small = join(base, 'small');
    mkdirSync(small);
    mount({ source: 'tmpfs', target: Buffer.from(small), type: 'tmpfs', options });
    try {
      const unpacked = unpackBytes(tarArchiveOf(...entries), join(small, 'fs'));
      await expect(unpacked).rejects.toMatchObject({ code: 'DISK_FULL', class: 'host' });
      await expect(unpacked).rejects.toThrow(message);
    } finally {
      umount(Buffer.from(small), { lazily: true });
    }
  });
});
