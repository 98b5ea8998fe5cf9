import { execFileSync } from 'node:child_process';
import {
  chmodSync,
  chownSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { makeDevice, mknod, NODE_TYPE } from '../host/sys.ts';
import { lsetxattr } from '../host/xattr.ts';
import { layerEntries } from './layer-entries.ts';
import { entriesTar, layerTar } from './layer-tar.ts';
import { measureLayer } from './measure-layer.ts';

let dir: string;
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'layer-tar-'));
});
afterEach(() => {
  rmSync(dir, { recursive: true });
});

const { signal } = new AbortController();
const all = { clampMtime: undefined };

async function tarOf(options: { clampMtime: number | undefined } = all): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of layerTar(dir, options, signal)) chunks.push(Buffer.from(chunk));
  return Buffer.concat(chunks);
}

/** What GNU tar says is in it. */
async function listing(): Promise<string[]> {
  const args = [
    '--list',
    '--verbose',
    '--numeric-owner',
    '--utc',
    '--full-time',
    '--quoting-style=literal',
  ];
  const text = execFileSync('tar', args, { input: await tarOf(), encoding: 'latin1' });
  return text.split('\n').filter((line) => line !== '');
}

function put(name: string, content = '', mode = 0o644): string {
  const path = join(dir, name);
  writeFileSync(path, content);
  chmodSync(path, mode);
  utimesSync(path, 1_000_000, 1_000_000);
  return path;
}

describe.runIf(process.getuid?.() === 0)('layerTar()', () => {
  test('is what GNU tar reads back: modes, owners, times, links', async () => {
    chownSync(put('tool', 'four'), 5, 3_000_000);
    chmodSync(join(dir, 'tool'), 0o4755); // chown clears setuid
    linkSync(join(dir, 'tool'), join(dir, 'twin'));
    symlinkSync('../../up', join(dir, 'a-link'));
    mknod(join(dir, 'tty'), NODE_TYPE.charDevice | 0o600, makeDevice(5, 1));
    const lines = (await listing()).map((line) => line.replace(/ +/g, ' '));
    expect(lines[0]).toMatch(/^lrwxrwxrwx 0\/0 0 .* a-link -> ..\/..\/up$/);
    expect(lines[1]).toBe('-rwsr-xr-x 5/3000000 4 1970-01-12 13:46:40 tool');
    expect(lines[2]).toMatch(/^crw------- 0\/0 5,1 .* tty$/);
    expect(lines[3]).toBe('hrwsr-xr-x 5/3000000 0 1970-01-12 13:46:40 twin link to tool');
  });

  test('writes whiteouts of overlayfs as those of layers, and never as hard links', async () => {
    mknod(join(dir, 'gone'), NODE_TYPE.charDevice, 0);
    linkSync(join(dir, 'gone'), join(dir, 'gone-too'));
    mkdirSync(join(dir, 'replaced'));
    lsetxattr(join(dir, 'replaced'), 'trusted.overlay.opaque', Buffer.from('y'));
    put('replaced/new');
    const names = execFileSync('tar', ['--list'], { input: await tarOf(), encoding: 'utf8' });
    expect(names.trim().split('\n')).toEqual([
      '.wh.gone',
      '.wh.gone-too',
      'replaced/',
      'replaced/.wh..wh..opq',
      'replaced/new',
    ]);
  });

  test('keeps attributes as bytes and drops what overlayfs notes', async () => {
    const path = put('ping');
    const capability = Buffer.from('0100000200200000000000000000000000000000', 'hex');
    lsetxattr(path, 'security.capability', capability);
    lsetxattr(path, 'trusted.overlay.origin', Buffer.from('x'));
    const tar = await tarOf();
    expect(
      tar.includes(
        Buffer.concat([
          Buffer.from('SCHILY.xattr.security.capability='),
          capability,
          Buffer.from('\n'),
        ]),
      ),
    ).toBe(true);
    expect(tar.includes('trusted.overlay')).toBe(false);
  });

  test.each([
    ['a long name', 'n'.repeat(180)],
    ['a name that is not UTF-8', '\xff\xfe'],
    ['a long path that ustar can split', `${'d'.repeat(90)}/${'f'.repeat(60)}`],
    ['a long path that it cannot split', `${'d'.repeat(160)}/${'f'.repeat(120)}`],
  ])('keeps %s', async (_what, name) => {
    const bytes = Buffer.from(join(dir, ''), 'latin1');
    const [parent] = name.includes('/') ? name.split('/') : [];
    if (parent !== undefined) mkdirSync(join(dir, parent));
    writeFileSync(Buffer.concat([bytes, Buffer.from(`/${name}`, 'latin1')]), '');
    expect((await listing()).at(-1)?.endsWith(name)).toBe(true);
  });

  test('gives the same bytes for the same files', async () => {
    put('b');
    put('a', 'x'.repeat(3_000_000));
    expect(await measureLayer(dir, all, signal)).toEqual(await measureLayer(dir, all, signal));
  });

  test('makes no time later than the epoch', async () => {
    put('f');
    const tar = await tarOf({ clampMtime: 1 });
    expect(tar.toString('latin1', 136, 147)).toBe('00000000001');
  });

  test.each<[string, (path: string) => void]>([
    ['is shorter', (path) => truncateSync(path, 2_000_000)],
    ['is gone', (path) => rmSync(path)],
    [
      'is a link now',
      (path) => {
        rmSync(path);
        symlinkSync('/etc/passwd', path);
      },
    ],
  ])('does not write what it did not list: a file that %s', async (_what, change) => {
    put('a', 'x'.repeat(1_100_000));
    const path = put('b', 'x'.repeat(3_000_000));
    const entries = [...layerEntries(dir, undefined)];
    change(path);
    const read = async (): Promise<void> => {
      for await (const _chunk of entriesTar(entries, signal));
    };
    await expect(read()).rejects.toMatchObject({
      code: 'LAYER_CHANGED',
      message: `Cannot read "${path}" of the store: it is not the file that it was`,
    });
  });

  test('is an empty archive for an empty directory, as every builder writes it', async () => {
    expect(await measureLayer(dir, all, signal)).toEqual({
      diffId: 'sha256:5f70bf18a086007016e948b04aed3b82103a36bea41755b6cddfaf10ace3c6ef',
      size: 1024,
    });
  });
});
