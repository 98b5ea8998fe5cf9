import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BytePath } from '../core/bytes.ts';
import { encodeHeader, END_OF_ARCHIVE, padding } from './tar-header.ts';
import type { TarEntry } from './tar-entry.ts';
import { readTar } from './tar-read.ts';

interface Item {
  readonly entry: TarEntry;
  readonly content: Buffer;
}

const bytes = (from: number, to: number, min: number, max: number): fc.Arbitrary<string> =>
  fc
    .array(fc.integer({ min: from, max: to }), { minLength: min, maxLength: max })
    .map((codes) => String.fromCharCode(...codes));
const nameOf = (part: fc.Arbitrary<string>): fc.Arbitrary<BytePath> =>
  fc
    .array(
      part.map((text) => text.replaceAll('/', '_')),
      { minLength: 1, maxLength: 6 },
    )
    .map((parts) => parts.join('/') as BytePath);
/** Names as files can have them: short, as long as can be, any bytes. */
const anyName = nameOf(fc.oneof(bytes(0x20, 0x7e, 1, 12), bytes(1, 255, 1, 255)));

const xattr = fc.record({
  name: bytes(1, 255, 1, 30).map((text) => `user.${text.replaceAll('=', '_')}`),
  value: fc.uint8Array({ maxLength: 300 }).map((value) => Buffer.from(value)),
});

function entryOf(name: fc.Arbitrary<BytePath>): fc.Arbitrary<Item> {
  const id = fc.oneof(
    fc.integer({ min: 0, max: 70_000 }),
    fc.integer({ min: 0, max: 2 ** 32 - 2 }),
  );
  const device = fc.integer({ min: 0, max: 0o7777777 });
  return fc
    .record({
      type: fc.constantFrom(
        ...(['file', 'file', 'directory', 'symlink', 'hardlink'] as const),
        ...(['char-device', 'block-device', 'fifo'] as const),
      ),
      name,
      linkName: name,
      mode: fc.integer({ min: 0, max: 0o7777 }),
      uid: id,
      gid: id,
      mtime: fc.oneof(
        fc.integer({ min: 0, max: 2 ** 33 }),
        fc.integer({ min: -(2 ** 40), max: 2 ** 40 }),
      ),
      devices: fc.tuple(device, device),
      xattrs: fc.uniqueArray(xattr, { maxLength: 3, selector: (one) => one.name }),
      content: fc.uint8Array({ maxLength: 2000 }),
    })
    .map(({ type, linkName, devices, content, ...rest }) => {
      const isLink = type === 'symlink' || type === 'hardlink';
      const isDevice = type === 'char-device' || type === 'block-device';
      const data = Buffer.from(type === 'file' ? content : []);
      return {
        entry: {
          ...rest,
          type,
          size: data.length,
          linkName: isLink ? linkName : undefined,
          devMajor: isDevice ? devices[0] : 0,
          devMinor: isDevice ? devices[1] : 0,
        },
        content: data,
      };
    });
}

function archiveOf(items: readonly Item[]): Buffer {
  const parts = items.flatMap(({ entry, content }) => [
    encodeHeader(entry),
    content,
    padding(content.length),
  ]);
  return Buffer.concat([...parts, END_OF_ARCHIVE]);
}

async function readBack(archive: Buffer, chunkBytes: number): Promise<Item[]> {
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < archive.length; at += chunkBytes)
      yield await Promise.resolve(archive.subarray(at, at + chunkBytes));
  }
  const items: Item[] = [];
  for await (const { entry, content } of readTar(chunks())) {
    const pieces: Buffer[] = [];
    for await (const piece of content()) pieces.push(Buffer.from(piece));
    const name = entry.name.replace(/\/$/, '') as BytePath;
    items.push({ entry: { ...entry, name }, content: Buffer.concat(pieces) });
  }
  return items;
}

const byName = (a: { name: string }, b: { name: string }): number => (a.name < b.name ? -1 : 1);
const sorted = (items: readonly Item[]): Item[] =>
  items.map(({ entry, content }) => ({
    entry: { ...entry, xattrs: [...entry.xattrs].sort(byName) },
    content,
  }));

test('what encodeHeader() writes, readTar() reads back, whatever the chunks', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(entryOf(anyName), { maxLength: 8 }),
      fc.integer({ min: 1, max: 3000 }),
      async (items, chunkBytes) => {
        expect(await readBack(archiveOf(items), chunkBytes)).toEqual(sorted(items));
      },
    ),
    { numRuns: 150 },
  );
});

test('bytes that are no archive, or one with errors, give TAR_INVALID or entries', async () => {
  const damaged = fc
    .record({
      items: fc.array(entryOf(anyName), { minLength: 1, maxLength: 4 }),
      flips: fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 255 })), { maxLength: 6 }),
      cut: fc.nat(),
    })
    .map(({ items, flips, cut }) => {
      const archive = archiveOf(items);
      for (const [at, value] of flips) archive[at % archive.length] = value;
      return cut % 3 === 0 ? archive.subarray(0, cut % archive.length) : archive;
    });
  await fc.assert(
    fc.asyncProperty(damaged, async (archive) => {
      const found = await readBack(archive, 1000).catch((error: unknown) => error);
      if (!Array.isArray(found)) expect(found).toMatchObject({ code: 'TAR_INVALID' });
    }),
    { numRuns: 300 },
  );
});

const hasPython = canRun('python3', '-c', 'import tarfile');
const hasGnuTar = canRun('sh', '-c', 'tar --version | grep -q GNU');

function canRun(...[program = '', ...args]: readonly string[]): boolean {
  try {
    execFileSync(program, args, { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

/** Lists the archives it is given as JSON: bytes are hexadecimal. */
const LIST = `
import json, sys, tarfile
hexed = lambda text: text.encode('utf-8', 'surrogateescape').hex()
types = {b'0': 'file', b'1': 'hardlink', b'2': 'symlink', b'3': 'char-device', b'4': 'block-device', b'5': 'directory', b'6': 'fifo'}
result = []
for path in sys.argv[1:]:
    with tarfile.open(path, encoding='utf-8', errors='surrogateescape') as archive:
        result.append([{
            'name': hexed(m.name), 'type': types[m.type], 'mode': m.mode, 'uid': m.uid, 'gid': m.gid, 'size': m.size,
            'mtime': int(m.mtime), 'link': hexed(m.linkname), 'major': m.devmajor, 'minor': m.devminor,
            'content': archive.extractfile(m).read().hex() if m.isreg() else '',
        } for m in archive])
json.dump(result, sys.stdout)
`;

describe('other tools read the same files', () => {
  let dir: string;
  let archives: { readonly items: readonly Item[]; readonly path: string }[];
  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'tar-oracle-'));
    // No line ends, which listings cannot show, and no dots, which tools take out of names.
    const name = nameOf(fc.oneof(bytes(0x61, 0x7a, 1, 120), bytes(0x30, 0xff, 1, 120)));
    archives = fc
      .sample(fc.array(entryOf(name), { minLength: 1, maxLength: 8 }), { numRuns: 60, seed: 7 })
      .map((items, i) => {
        const path = join(dir, `${String(i)}.tar`);
        writeFileSync(path, archiveOf(items));
        return { items, path };
      });
  });
  afterAll(() => {
    rmSync(dir, { recursive: true });
  });

  test.runIf(hasPython)('tarfile of Python', () => {
    const paths = archives.map(({ path }) => path);
    const options = { encoding: 'utf8', maxBuffer: 64 * 1024 * 1024 } as const;
    const found: unknown = JSON.parse(execFileSync('python3', ['-c', LIST, ...paths], options));
    const hex = (text: string): string => Buffer.from(text, 'latin1').toString('hex');
    const wanted = archives.map(({ items }) =>
      items.map(({ entry, content }) => ({
        name: hex(entry.name),
        type: entry.type,
        mode: entry.mode,
        uid: entry.uid,
        gid: entry.gid,
        size: entry.size,
        mtime: entry.mtime,
        link: hex(entry.linkName ?? ''),
        major: entry.devMajor,
        minor: entry.devMinor,
        content: content.toString('hex'),
      })),
    );
    expect(found).toEqual(wanted);
  });

  test.runIf(hasGnuTar)('GNU tar', () => {
    for (const { items, path } of archives) {
      const args = ['--list', '--absolute-names', '--quoting-style=literal', '--file', path];
      const text = execFileSync('tar', args, {
        encoding: 'latin1',
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      const wanted = items.map(({ entry }) =>
        entry.type === 'directory' ? `${entry.name}/` : entry.name,
      );
      expect(text.split('\n').slice(0, -1)).toEqual(wanted);
    }
  });
});
