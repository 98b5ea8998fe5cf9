import type { BytePath } from '../core/bytes.ts';
import type { Xattr } from '../tree/xattrs.ts';
import { ByteReader } from './byte-reader.ts';
import { badTar } from './errors.ts';
import { BLOCK_BYTES, TYPE_FLAGS, type TarEntry, type TarEntryType } from './tar-entry.ts';
import { readDecimal, readDecimalTime, readNumber, readTime } from './tar-numbers.ts';

/** Bytes of one extension (PAX or GNU long name). */
const MAX_EXTENSION_BYTES = 1024 * 1024;
/** Extensions in a row; real archives have at most three. */
const MAX_EXTENSIONS = 64;
const MAX_PATH_BYTES = 4096;
/** The kernel's limit for one value (XATTR_SIZE_MAX). */
const MAX_XATTR_BYTES = 64 * 1024;
/** The last two mean "no change" and "nobody" to the kernel. */
const MAX_ID = 4_294_967_294;

/** An entry and its content, which is to be read or skipped before the next entry. */
export interface ReadEntry {
  readonly entry: TarEntry;
  /** Chunks valid until the next one. Empty for all but files. */
  readonly content: () => AsyncGenerator<Uint8Array, void>;
}

/**
 * Reads a tar archive: ustar, PAX and the GNU forms of long names and large numbers. A PAX size goes
 * before the one in the header, always, so that no second archive hides in a file (CVE-2025-62518).
 * Reads to the end of the stream, also what follows the archive, so that whoever hashes sees all bytes.
 * @throws BuildError TAR_INVALID
 */
export async function* readTar(source: AsyncIterable<Uint8Array>): AsyncGenerator<ReadEntry, void> {
  const reader = new ByteReader(source);
  try {
    for (;;) {
      const entry = await nextEntry(reader);
      if (entry === undefined) break;
      const content = new EntryContent(reader, entry.size);
      yield { entry, content: () => content.chunks() };
      await content.skipRest();
    }
    while ((await reader.next(BLOCK_BYTES * BLOCK_BYTES)) !== undefined);
  } finally {
    await reader.close();
  }
}

type PaxRecords = ReadonlyMap<string, Buffer>;

/** Header fields that extensions in front of an entry decide. */
interface Extensions {
  readonly pax: PaxRecords;
  readonly longName: Buffer | undefined;
  readonly longLink: Buffer | undefined;
}

/** The next entry with all that stands before it; undefined at the end of the archive. */
async function nextEntry(reader: ByteReader): Promise<TarEntry | undefined> {
  let extensions: Extensions = { pax: new Map(), longName: undefined, longLink: undefined };
  for (let count = 0; count <= MAX_EXTENSIONS; count++) {
    const block = await reader.read(BLOCK_BYTES);
    if (block === undefined || isZero(block)) {
      if (hasAny(extensions)) throw badTar('it ends after an extended header');
      if (block !== undefined) await checkEnd(reader);
      return undefined;
    }
    checkSum(block);
    const flag = String.fromCharCode(block[156] ?? 0);
    if (!'xgLK'.includes(flag)) return decodeEntry(block, flag, extensions);
    extensions = withExtension(extensions, flag, await extensionBody(reader, block));
  }
  throw badTar(`more than ${MAX_EXTENSIONS} extended headers in a row`);
}

function hasAny({ pax, longName, longLink }: Extensions): boolean {
  return pax.size > 0 || longName !== undefined || longLink !== undefined;
}

/** Two blocks of zeros end an archive. After one, readers differ about what follows. */
async function checkEnd(reader: ByteReader): Promise<void> {
  const block = await reader.read(BLOCK_BYTES);
  if (block !== undefined && !isZero(block)) throw badTar('it goes on after a block of zeros');
}

function withExtension(extensions: Extensions, flag: string, body: Buffer): Extensions {
  switch (flag) {
    case 'x':
      return { ...extensions, pax: parsePax(body) };
    case 'g':
      checkGlobal(parsePax(body));
      return extensions;
    case 'L':
      return { ...extensions, longName: untilNul(body) };
    default:
      return { ...extensions, longLink: untilNul(body) };
  }
}

/**
 * Records for all entries that follow are comments in practice (`git archive`), and builders ignore
 * them, as they are ignored here. Those that other tools would read other files by are refused.
 */
function checkGlobal(records: PaxRecords): void {
  for (const key of ['path', 'linkpath', 'size']) {
    if (records.has(key)) throw badTar(`a global extended header sets "${key}"`);
  }
}

async function extensionBody(reader: ByteReader, block: Buffer): Promise<Buffer> {
  const size = readNumber(block, 124, 12, 'the size of an extended header');
  if (size > MAX_EXTENSION_BYTES) throw badTar(`an extended header has ${size} bytes`);
  const padded = Math.ceil(size / BLOCK_BYTES) * BLOCK_BYTES;
  if (padded === 0) return Buffer.alloc(0);
  const body = await reader.read(padded);
  if (body === undefined) throw badTar('it ends in an extended header');
  return body.subarray(0, size);
}

/** Records of the form `LENGTH key=value\n`. */
function parsePax(body: Buffer): PaxRecords {
  const records = new Map<string, Buffer>();
  for (let at = 0; at < body.length;) {
    const space = body.indexOf(0x20, at);
    const digits = body.toString('latin1', at, space === -1 ? at : space);
    const length = Number(digits);
    const end = at + length;
    if (!/^[1-9]\d{0,6}$/.test(digits) || end > body.length || body[end - 1] !== 0x0a) {
      throw badTar('an extended header is malformed');
    }
    const equals = body.indexOf(0x3d, space);
    if (equals === -1 || equals >= end) throw badTar('an extended header has no "="');
    records.set(body.toString('latin1', space + 1, equals), body.subarray(equals + 1, end - 1));
    at = end;
  }
  return records;
}

function decodeEntry(block: Buffer, flag: string, extensions: Extensions): TarEntry {
  const { pax } = extensions;
  // An empty value takes the record back (POSIX): the header counts.
  const get = (key: string): Buffer | undefined => {
    const value = pax.get(key);
    return value?.length === 0 ? undefined : value;
  };
  const decimal = (key: string): number | undefined => {
    const value = get(key);
    return value === undefined ? undefined : readDecimal(value.toString('latin1'), key);
  };
  const rawName = get('path') ?? extensions.longName ?? headerName(block);
  const type = typeOf(flag, rawName);
  const link = get('linkpath') ?? extensions.longLink ?? untilNul(block.subarray(157, 257));
  const size = decimal('size') ?? readNumber(block, 124, 12, 'the size of a file');
  if (size < 0) throw badTar('the size of a file is negative');
  if ([...pax.keys()].some((key) => key.startsWith('GNU.sparse.'))) {
    throw badTar('it holds a sparse file, which no image layer may');
  }
  return {
    name: pathOf(rawName, 'a name'),
    type,
    mode: readNumber(block, 100, 8, 'a mode') & 0o7777,
    uid: idOf(decimal('uid') ?? readNumber(block, 108, 8, 'a user id'), 'a user id'),
    gid: idOf(decimal('gid') ?? readNumber(block, 116, 8, 'a group id'), 'a group id'),
    // Only files have content; what else says it has is a trap for readers that differ.
    size: type === 'file' ? size : contentless(type, size),
    mtime: timeOf(get('mtime'), block),
    linkName: type === 'symlink' || type === 'hardlink' ? linkOf(link) : undefined,
    devMajor: readNumber(block, 329, 8, 'a device number'),
    devMinor: readNumber(block, 337, 8, 'a device number'),
    xattrs: xattrsOf(pax),
  };
}

function timeOf(record: Buffer | undefined, block: Buffer): number {
  if (record === undefined) return readTime(block, 136, 12);
  return readDecimalTime(record.toString('latin1'), 'mtime');
}

function contentless(type: TarEntryType, size: number): number {
  // Some writers give hard links the size of their file, without content (POSIX allows either).
  if (size !== 0 && type !== 'hardlink') throw badTar(`a ${type} has content`);
  return 0;
}

function typeOf(flag: string, name: Buffer): TarEntryType {
  // Before ustar, a file whose name ends in a slash was a directory.
  if (flag === '\0' || flag === '7' || flag === '0') {
    return flag !== '0' && name.at(-1) === 0x2f ? 'directory' : 'file';
  }
  for (const [type, known] of Object.entries(TYPE_FLAGS)) {
    if (known === flag) return type as TarEntryType;
  }
  throw badTar(`an entry has the unknown type "${flag.replace(/[^\x20-\x7e]/g, '?')}"`);
}

function headerName(block: Buffer): Buffer {
  const name = untilNul(block.subarray(0, 100));
  const isPosix = block.toString('latin1', 257, 263) === 'ustar\0';
  const prefix = isPosix ? untilNul(block.subarray(345, 500)) : Buffer.alloc(0);
  return prefix.length === 0 ? name : Buffer.concat([prefix, Buffer.from('/'), name]);
}

function untilNul(bytes: Buffer): Buffer {
  const end = bytes.indexOf(0);
  return end === -1 ? bytes : bytes.subarray(0, end);
}

/** A path as bytes. What it means inside a root is for whoever unpacks. */
function pathOf(bytes: Buffer, what: string): BytePath {
  if (bytes.includes(0)) throw badTar(`${what} holds a NUL`);
  if (bytes.length > MAX_PATH_BYTES) throw badTar(`${what} has ${bytes.length} bytes`);
  return bytes.toString('latin1') as BytePath;
}

function linkOf(bytes: Buffer): BytePath {
  if (bytes.length === 0) throw badTar('a link has no target');
  return pathOf(bytes, 'the target of a link');
}

function idOf(id: number, what: string): number {
  if (id < 0 || id > MAX_ID) throw badTar(`${what} is out of range`);
  return id;
}

const XATTR_KEY = 'SCHILY.xattr.';

function xattrsOf(pax: PaxRecords): Xattr[] {
  return [...pax]
    .filter(([key]) => key.startsWith(XATTR_KEY))
    .map(([key, value]) => {
      if (value.length > MAX_XATTR_BYTES) throw badTar('an attribute is too large');
      return { name: key.slice(XATTR_KEY.length), value };
    });
}

function isZero(block: Buffer): boolean {
  return block.every((byte) => byte === 0);
}

/** Sum of all bytes, the field itself counted as spaces; some old writers summed signed bytes. */
function checkSum(block: Buffer): void {
  const wanted = readNumber(block, 148, 8, 'a checksum');
  let unsigned = 8 * 0x20;
  let signed = unsigned;
  for (let i = 0; i < BLOCK_BYTES; i++) {
    if (i >= 148 && i < 156) continue;
    const byte = block[i] ?? 0;
    unsigned += byte;
    signed += byte > 127 ? byte - 256 : byte;
  }
  if (wanted !== unsigned && wanted !== signed) throw badTar('a header has a wrong checksum');
}

class EntryContent {
  readonly #reader: ByteReader;
  #rest: number;
  readonly #padding: number;

  constructor(reader: ByteReader, size: number) {
    this.#reader = reader;
    this.#rest = size;
    this.#padding = (BLOCK_BYTES - (size % BLOCK_BYTES)) % BLOCK_BYTES;
  }

  async *chunks(): AsyncGenerator<Uint8Array, void> {
    while (this.#rest > 0) {
      const chunk = await this.#reader.next(this.#rest);
      if (chunk === undefined) throw badTar('it ends in the middle of a file');
      this.#rest -= chunk.length;
      yield chunk;
    }
  }

  async skipRest(): Promise<void> {
    for await (const _chunk of this.chunks());
    if (this.#padding > 0 && (await this.#reader.read(this.#padding)) === undefined) {
      throw badTar('it ends in the middle of a file');
    }
  }
}
