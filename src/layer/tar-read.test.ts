import { describe, expect, test } from 'vitest';
import { entryOf, file, tarArchiveOf, type EntrySketch } from '../testing/tar-builder.ts';
import { END_OF_ARCHIVE, padding } from './tar-header.ts';
import { readTar } from './tar-read.ts';
import type { TarEntry } from './tar-entry.ts';

interface Read {
  readonly entry: TarEntry;
  readonly content: string;
}

async function readAll(...parts: readonly Buffer[]): Promise<Read[]> {
  const bytes = Buffer.concat(parts);
  async function* chunks(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += 700)
      yield await Promise.resolve(bytes.subarray(at, at + 700));
  }
  const found: Read[] = [];
  for await (const { entry, content } of readTar(chunks())) {
    const pieces: Buffer[] = [];
    for await (const piece of content()) pieces.push(Buffer.from(piece));
    found.push({ entry, content: Buffer.concat(pieces).toString('latin1') });
  }
  return found;
}

const names = async (...parts: readonly Buffer[]): Promise<string[]> =>
  (await readAll(...parts)).map(({ entry }) => entry.name);

/** Overwrites bytes of an entry's (last) header and makes its checksum right again. */
function patched(entry: Buffer, at: number, bytes: string, header = 0): Buffer {
  const copy = Buffer.from(entry);
  copy.write(bytes, header + at, 'latin1');
  copy.fill(0x20, header + 148, header + 156);
  let sum = 0;
  for (const byte of copy.subarray(header, header + 512)) sum += byte;
  copy.write(`${sum.toString(8).padStart(6, '0')}\0 `, header + 148, 'latin1');
  return copy;
}

/** A header of type `flag` with a body of its own. */
function extension(flag: string, body: string, size = body.length): Buffer {
  const header = patched(entryOf(file('ext')), 156, flag);
  const sized = patched(header, 124, size.toString(8).padStart(11, '0'));
  return Buffer.concat([sized, Buffer.from(body, 'latin1'), padding(body.length)]);
}

function record(key: string, value: string): string {
  const rest = key.length + value.length + 3;
  const length = [1, 2, 3, 4, 5].map((n) => rest + n).find((n) => String(n).length + rest === n);
  return `${String(length)} ${key}=${value}\n`;
}

const pax = (...records: readonly (readonly [string, string])[]): Buffer =>
  extension('x', records.map(([key, value]) => record(key, value)).join(''));

/** An entry whose header says another size than its content has. */
function sized(sketch: EntrySketch, headerSize: string): Buffer {
  return patched(entryOf(sketch), 124, headerSize);
}

const invalid = (message: string): object => ({ code: 'TAR_INVALID', class: 'input', message });
const smuggled = entryOf(file('smuggled')).toString('latin1');

describe('readTar() sees one archive only', () => {
  test.each([
    ['B01 a PAX size where the header says none', '00000000000'],
    ['B02 a PAX size where the header says another', '00000000010'],
  ])('%s', async (_name, headerSize) => {
    const found = await readAll(
      pax(['size', '512']),
      sized(file('a', smuggled), headerSize),
      END_OF_ARCHIVE,
    );
    expect(found.map(({ entry, content }) => [entry.name, content])).toEqual([['a', smuggled]]);
  });

  test('B03 a PAX size is not that of a long name in between', async () => {
    const found = await readAll(
      pax(['size', '16']),
      extension('L', 'longname.txt\0'),
      sized(file('file_a', 'a'.repeat(16)), '00000004000'),
      entryOf(file('file_b', 'b'.repeat(16))),
      END_OF_ARCHIVE,
    );
    expect(found.map(({ entry, content }) => [entry.name, content])).toEqual([
      ['longname.txt', 'a'.repeat(16)],
      ['file_b', 'b'.repeat(16)],
    ]);
  });

  test.each([
    ['path', 'a\0/../../b', 'Cannot read tar archive: a name holds a NUL'],
    ['linkpath', 'a\0b', 'Cannot read tar archive: the target of a link holds a NUL'],
  ])('B04 refuses a NUL in a PAX %s', async (key, value, message) => {
    const link = entryOf({ name: 'l', type: 'symlink', linkName: 't' });
    await expect(readAll(pax([key, value]), link, END_OF_ARCHIVE)).rejects.toMatchObject(
      invalid(message),
    );
  });

  test('B05 a PAX path that looks like a number is a path', async () => {
    expect(await names(pax(['path', '12345']), entryOf(file('y')), END_OF_ARCHIVE)).toEqual([
      '12345',
    ]);
  });

  test.each<[string, Buffer, string]>([
    ['-1 in base-256', sized(file('a'), '\xff'.repeat(12)), 'the size of a file is negative'],
    [
      '2^88 in base-256',
      sized(file('a'), `\x80\x01${'\0'.repeat(10)}`),
      'the size of a file is too large',
    ],
    ['letters', sized(file('a'), 'cafe'), 'the size of a file is not a number'],
    [
      '-1 in PAX',
      Buffer.concat([pax(['size', '-1']), entryOf(file('a'))]),
      'the size of a file is negative',
    ],
    [
      '2^53+1 in PAX',
      Buffer.concat([pax(['size', '9007199254740993']), entryOf(file('a'))]),
      'size is too large',
    ],
    [
      'a fraction in PAX',
      Buffer.concat([pax(['size', '1.5']), entryOf(file('a', 'x'))]),
      'size "1.5" is not a number',
    ],
    [
      '1e3 in PAX',
      Buffer.concat([pax(['size', '1e3']), entryOf(file('a', 'x'))]),
      'size "1e3" is not a number',
    ],
  ])('B06 refuses a size of %s', async (_what, archive, found) => {
    await expect(readAll(archive, END_OF_ARCHIVE)).rejects.toMatchObject(
      invalid(`Cannot read tar archive: ${found}`),
    );
  });

  test.each(['x', 'g', 'L', 'K'])(
    'B07 reads no "%s" header of 1 GiB, and allocates nothing for it',
    async (flag) => {
      const archive = extension(flag, '', 2 ** 30);
      await expect(readAll(archive)).rejects.toMatchObject(
        invalid('Cannot read tar archive: an extended header has 1073741824 bytes'),
      );
    },
  );

  test.each<[string, Buffer, string]>([
    [
      'of PAX',
      Buffer.concat([
        pax(['GNU.sparse.major', '1'], ['GNU.sparse.realsize', '99999999999']),
        entryOf(file('a')),
      ]),
      'it holds a sparse file, which no image layer may',
    ],
    ['of GNU', patched(entryOf(file('a')), 156, 'S'), 'an entry has the unknown type "S"'],
  ])('B07 refuses sparse files %s', async (_what, archive, found) => {
    await expect(readAll(archive)).rejects.toMatchObject(
      invalid(`Cannot read tar archive: ${found}`),
    );
  });

  test('B08 stops after 64 headers in a row, and takes 64', async () => {
    const meta = Array.from({ length: 64 }, () => pax(['comment', 'x']));
    expect(await names(...meta, entryOf(file('a')), END_OF_ARCHIVE)).toEqual(['a']);
    const more = [...meta, pax(['comment', 'x']), entryOf(file('a')), END_OF_ARCHIVE];
    await expect(readAll(...more)).rejects.toMatchObject(
      invalid('Cannot read tar archive: more than 64 extended headers in a row'),
    );
  });

  test.each<[string, Buffer, string]>([
    ['garbage', Buffer.alloc(2048, 'a'), 'a checksum is not a number'],
    ['a header whose checksum is wrong', wrongSum(), 'a header has a wrong checksum'],
    [
      'one block of zeros and another entry',
      Buffer.concat([Buffer.alloc(512), entryOf(file('b'))]),
      'it goes on after a block of zeros',
    ],
    ['half a header', entryOf(file('b')).subarray(0, 300), 'it ends in the middle of an entry'],
    [
      'half a file',
      entryOf(file('b', 'x'.repeat(600))).subarray(0, 700),
      'it ends in the middle of a file',
    ],
    [
      'a file without the rest of its block',
      entryOf(file('b', 'x')).subarray(0, 513),
      'it ends in the middle of a file',
    ],
    ['an extended header and the end', pax(['path', 'x']), 'it ends after an extended header'],
    ['half an extended header', extension('x', '', 600), 'it ends in an extended header'],
    ['a record that is too long', extension('x', '99 a=b\n'), 'an extended header is malformed'],
    ['a record without "="', extension('x', '6 abc\n'), 'an extended header has no "="'],
  ])('B09 refuses an archive whose entries are followed by %s', async (_what, rest, found) => {
    await expect(readAll(entryOf(file('a')), rest)).rejects.toThrow(
      `Cannot read tar archive: ${found}`,
    );
  });

  test('B09 ignores what follows the end, reading it all', async () => {
    let isRead = false;
    async function* chunks(): AsyncGenerator<Uint8Array> {
      yield await Promise.resolve(tarArchiveOf(file('a')));
      yield Buffer.alloc(2048, 0xa5);
      isRead = true;
    }
    const found: string[] = [];
    for await (const { entry } of readTar(chunks())) found.push(entry.name);
    expect([found, isRead]).toEqual([['a'], true]);
  });

  test('a global header is no header of the entries after it', async () => {
    const global = extension('g', record('comment', 'commit') + record('uid', '5'));
    const [found] = await readAll(global, entryOf(file('a')), END_OF_ARCHIVE);
    expect(found?.entry.uid).toBe(0);
    expect(await names(global, END_OF_ARCHIVE)).toEqual([]);
  });

  test.each(['path', 'linkpath', 'size'])(
    'refuses a global header that sets %s for other readers',
    async (key) => {
      const global = extension('g', record(key, '5'));
      await expect(readAll(global, entryOf(file('a')), END_OF_ARCHIVE)).rejects.toMatchObject(
        invalid(`Cannot read tar archive: a global extended header sets "${key}"`),
      );
    },
  );
});

describe('readTar() reads odd numbers (B12)', () => {
  test.each<[string, Buffer, number]>([
    ['before 1970 as GNU writes it', gnuTime(-1n), -1],
    ['of 1901 as GNU writes it', gnuTime(-(2n ** 31n)), -(2 ** 31)],
    ['of 2^40', gnuTime(2n ** 40n), 2 ** 40],
    ['of 2^80', gnuTime(2n ** 80n), Number.MAX_SAFE_INTEGER],
    ['of -2^80', gnuTime(-(2n ** 80n)), -Number.MAX_SAFE_INTEGER],
    ['with a fraction', paxTime('12.75'), 12],
    ['with a fraction, before 1970', paxTime('-1.5'), -2],
    ['of 10^30', paxTime(`1${'0'.repeat(30)}`), Number.MAX_SAFE_INTEGER],
  ])('a time %s', async (_what, archive, mtime) => {
    const [found] = await readAll(archive, END_OF_ARCHIVE);
    expect(found?.entry.mtime).toBe(mtime);
  });

  test.each<[string, Buffer, string]>([
    ['a time that is none', paxTime('NaN'), 'mtime "NaN" is not a number'],
    [
      'user 2^32-1',
      Buffer.concat([pax(['uid', '4294967295']), entryOf(file('a'))]),
      'a user id is out of range',
    ],
    [
      'group -1',
      Buffer.concat([pax(['gid', '-1']), entryOf(file('a'))]),
      'a group id is out of range',
    ],
    [
      'group -1 in base-256',
      patched(entryOf(file('a')), 116, '\xff'.repeat(8)),
      'a group id is negative',
    ],
    [
      'a name of 4097 bytes',
      Buffer.concat([pax(['path', 'n'.repeat(4097)]), entryOf(file('a'))]),
      'a name has 4097 bytes',
    ],
    [
      'a link to nothing',
      entryOf({ name: 'a', type: 'symlink', linkName: '' }),
      'a link has no target',
    ],
    [
      'a directory with content',
      sized({ name: 'a', type: 'directory' }, '00000000001'),
      'a directory has content',
    ],
    [
      'an unknown type',
      patched(entryOf(file('a')), 156, '\x1b'),
      'an entry has the unknown type "?"',
    ],
  ])('and refuses %s', async (_what, archive, found) => {
    await expect(readAll(archive, END_OF_ARCHIVE)).rejects.toMatchObject(
      invalid(`Cannot read tar archive: ${found}`),
    );
  });

  test('keeps the mode bits that a file has', async () => {
    const [found] = await readAll(patched(entryOf(file('a')), 100, '0177777'), END_OF_ARCHIVE);
    expect(found?.entry.mode).toBe(0o7777);
  });

  test('an empty PAX value takes the record back', async () => {
    expect(await names(pax(['path', '']), entryOf(file('a')), END_OF_ARCHIVE)).toEqual(['a']);
  });
});

function wrongSum(): Buffer {
  const header = entryOf(file('b'));
  header[0] = 0x63;
  return header;
}

function gnuTime(seconds: bigint): Buffer {
  const bytes = Buffer.from(BigInt.asUintN(96, seconds).toString(16).padStart(24, '0'), 'hex');
  bytes[0] = (bytes[0] ?? 0) | 0x80;
  return patched(entryOf(file('a')), 136, bytes.toString('latin1'));
}

function paxTime(text: string): Buffer {
  return Buffer.concat([pax(['mtime', text]), entryOf(file('a'))]);
}
