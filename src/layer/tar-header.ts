import type { BytePath } from '../core/bytes.ts';
import { BLOCK_BYTES, TYPE_FLAGS, type TarEntry } from './tar-entry.ts';

/**
 * The header blocks of one entry: ustar where it says everything, with a PAX header in front where it
 * does not (POSIX.1-2017, pax). The same choices as Go's archive/tar in PAX format, so that the bytes
 * are what other tools write. Times are whole seconds, as in the layers of containerd and BuildKit.
 * `xattrs` stand in for those of the entry.
 */
export function encodeHeader(entry: TarEntry, xattrs = entry.xattrs): Buffer {
  const records = paxRecords(entry, xattrs);
  const name = headerName(entry);
  const header = ustarBlock(entry, name, TYPE_FLAGS[entry.type], entry.size);
  if (records.length === 0) return header;
  const body = Buffer.concat(records);
  const extension = ustarBlock(
    { ...entry, mode: 0, uid: 0, gid: 0, mtime: 0, linkName: undefined, devMajor: 0, devMinor: 0 },
    paxName(entry.name),
    'x',
    body.length,
  );
  return Buffer.concat([extension, body, padding(body.length), header]);
}

/** Zeros that fill the last block of `size` bytes of content. */
export function padding(size: number): Buffer {
  return ZEROS.subarray(0, (BLOCK_BYTES - (size % BLOCK_BYTES)) % BLOCK_BYTES);
}

/** Two blocks of zeros: the end of an archive. */
export const END_OF_ARCHIVE: Buffer = Buffer.alloc(2 * BLOCK_BYTES);

const ZEROS = Buffer.alloc(BLOCK_BYTES);
const MAX_NAME = 100;
const MAX_PREFIX = 155;
const MAX_OCTAL_7 = 0o7777777;
const MAX_OCTAL_11 = 0o77777777777;

function headerName(entry: TarEntry): BytePath {
  return (entry.type === 'directory' ? `${entry.name}/` : entry.name) as BytePath;
}

function paxRecords(entry: TarEntry, xattrs: TarEntry['xattrs']): Buffer[] {
  const name = headerName(entry);
  const records: [string, Buffer][] = [];
  if (!fitsName(name)) records.push(['path', Buffer.from(name, 'latin1')]);
  if (entry.linkName !== undefined && !isPlain(entry.linkName, MAX_NAME)) {
    records.push(['linkpath', Buffer.from(entry.linkName, 'latin1')]);
  }
  if (entry.size > MAX_OCTAL_11) records.push(['size', Buffer.from(String(entry.size))]);
  if (entry.uid > MAX_OCTAL_7) records.push(['uid', Buffer.from(String(entry.uid))]);
  if (entry.gid > MAX_OCTAL_7) records.push(['gid', Buffer.from(String(entry.gid))]);
  if (entry.mtime < 0 || entry.mtime > MAX_OCTAL_11) {
    records.push(['mtime', Buffer.from(String(entry.mtime))]);
  }
  for (const { name: xattr, value } of xattrs) {
    records.push([`SCHILY.xattr.${xattr}`, value]);
  }
  return records.sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, value]) => paxRecord(key, value));
}

/** `LENGTH key=value\n`, where the length counts itself. */
function paxRecord(key: string, value: Buffer): Buffer {
  const rest = key.length + value.length + 3;
  let length = rest + String(rest).length;
  if (String(length).length !== String(rest).length) length = rest + String(length).length;
  // Names of attributes are bytes, one char each.
  const start = Buffer.from(`${String(length)} ${key}=`, 'latin1');
  return Buffer.concat([start, value, Buffer.from('\n')]);
}

/** Name of the extension itself, for tools that do not know PAX: like Go's, and always short. */
function paxName(name: BytePath): BytePath {
  const slash = name.lastIndexOf('/');
  const directory = slash === -1 ? '' : `${name.slice(0, slash)}/`;
  const full = ascii(`${directory}PaxHeaders.0/${name.slice(slash + 1)}`);
  return full.slice(0, MAX_NAME) as BytePath;
}

/** What is left for tools that do not know PAX. Control characters are ASCII too, as in Go's writer. */
function ascii(text: string): string {
  return text.replace(/[^\x01-\x7f]/g, '');
}

function fitsName(name: BytePath): boolean {
  return isPlain(name, MAX_NAME) || splitName(name) !== undefined;
}

function isPlain(name: BytePath, max: number): boolean {
  return name.length <= max && /^[\x01-\x7f]*$/.test(name);
}

/** A long name cut at a slash into prefix and name, as ustar keeps it. */
function splitName(name: BytePath): { prefix: string; rest: string } | undefined {
  if (!isPlain(name, MAX_NAME + MAX_PREFIX + 1)) return undefined;
  const last = name.endsWith('/') ? name.length - 1 : name.length;
  const from = Math.max(0, name.length - MAX_NAME - 1);
  const slash = name.indexOf('/', from);
  if (slash <= 0 || slash > MAX_PREFIX || slash >= last) return undefined;
  return { prefix: name.slice(0, slash), rest: name.slice(slash + 1) };
}

function ustarBlock(
  entry: Omit<TarEntry, 'size'>,
  name: BytePath,
  flag: string,
  size: number,
): Buffer {
  const block = Buffer.alloc(BLOCK_BYTES);
  const isShort = isPlain(name, MAX_NAME);
  const split = isShort ? undefined : splitName(name);
  block.write(isShort ? name : ascii(split?.rest ?? name).slice(0, MAX_NAME), 0, 'latin1');
  octal(block, 100, 7, entry.mode & 0o7777);
  octal(block, 108, 7, entry.uid > MAX_OCTAL_7 ? 0 : entry.uid);
  octal(block, 116, 7, entry.gid > MAX_OCTAL_7 ? 0 : entry.gid);
  octal(block, 124, 11, size > MAX_OCTAL_11 ? 0 : size);
  octal(block, 136, 11, entry.mtime < 0 || entry.mtime > MAX_OCTAL_11 ? 0 : entry.mtime);
  block.write(flag, 156, 'latin1');
  if (entry.linkName !== undefined) {
    block.write(ascii(entry.linkName).slice(0, MAX_NAME), 157, 'latin1');
  }
  block.write('ustar\u000000', 257, 'latin1');
  octal(block, 329, 7, entry.devMajor);
  octal(block, 337, 7, entry.devMinor);
  if (split !== undefined) block.write(split.prefix, 345, 'latin1');
  checksum(block);
  return block;
}

/** `digits` octal digits and a NUL. Digit by digit, as making a text of each number takes far longer. */
function octal(block: Buffer, at: number, digits: number, value: number): void {
  let rest = value;
  for (let i = at + digits - 1; i >= at; i--) {
    const next = Math.floor(rest / 8);
    block[i] = DIGIT_0 + (rest - next * 8);
    rest = next;
  }
}

const DIGIT_0 = 0x30;

/** Sum of all bytes, the field itself counted as spaces. */
function checksum(block: Buffer): void {
  block.fill(0x20, 148, 156);
  let sum = 0;
  // By index: iterating over a buffer takes ten times as long.
  for (let i = 0; i < BLOCK_BYTES; i++) sum += block[i] ?? 0;
  octal(block, 148, 6, sum);
  block[154] = 0;
}
