import { createHash } from 'node:crypto';
import type { AddedCertificates } from './added-certificates.ts';
import { withoutKnown, type Authority } from './authorities.ts';

/**
 * Java's own form of key stores, "JKS", as sun.security.provider.JavaKeyStore reads and writes it: a
 * header, entries, and a digest keyed with the password. Trusted certificates in it are not encrypted.
 */
const MAGIC = 0xfeedfeed;
const VERSION = 2;
const HEADER_BYTES = 12;
const DIGEST_BYTES = 20;
const PRIVATE_KEY = 1;
const TRUSTED_CERTIFICATE = 2;
const CERTIFICATE_TYPE = 'X.509';
/** Every store of authorities that comes with Java has this password; it is no secret. */
const PASSWORD = 'changeit';
/** In the name of each entry that we add, to find it again. */
const ALIAS = 'authority of the build, in no image';
/** No store has as many. */
const MAX_ENTRIES = 100_000;

interface Entry {
  readonly alias: string;
  /** The whole entry as it stands in the store. */
  readonly bytes: Buffer;
  /** Undefined for keys. */
  readonly certificate: Buffer | undefined;
}

/**
 * Adds authorities to a store. Undefined when it has all of them already, when it is none, or when its
 * password is another one: then it is the user's own.
 */
export function addToJavaKeyStore(
  own: Buffer,
  authorities: readonly Authority[],
): AddedCertificates | undefined {
  const entries = readEntries(own);
  if (entries === undefined) return undefined;
  const known = entries.flatMap(({ certificate: der }) =>
    der === undefined ? [] : [{ pem: '', der }],
  );
  const missing = withoutKnown(authorities, known);
  if (missing.length === 0) return undefined;
  const combined = writeStore([
    ...entries.map(({ bytes }) => bytes),
    ...missing.map(({ der }, index) => entryOf(`${ALIAS} ${String(index + 1)}`, der)),
  ]);
  return {
    combined,
    strip: (content) => {
      if (content.equals(combined)) return own;
      const found = readEntries(content) ?? [];
      const kept = found.filter(({ alias }) => !alias.startsWith(ALIAS));
      if (kept.length === found.length) return undefined;
      return writeStore(kept.map(({ bytes }) => bytes));
    },
  };
}

/** A store of these authorities alone. Java takes one without a name for its file type. */
export function createJavaKeyStore(authorities: readonly Authority[]): Buffer {
  return writeStore(
    authorities.map(({ der }, index) => entryOf(`authority ${String(index + 1)}`, der)),
  );
}

/** True for what begins like a store. */
function isJavaKeyStore(content: Buffer): boolean {
  return content.length >= HEADER_BYTES + DIGEST_BYTES && content.readUInt32BE() === MAGIC;
}

/** Undefined for what is no store of version 2 with the usual password. */
function readEntries(store: Buffer): readonly Entry[] | undefined {
  if (!isJavaKeyStore(store) || store.readUInt32BE(4) !== VERSION) return undefined;
  const data = store.subarray(0, -DIGEST_BYTES);
  if (!digestOf(data).equals(store.subarray(-DIGEST_BYTES))) return undefined;
  const count = data.readUInt32BE(8);
  if (count > MAX_ENTRIES) return undefined;
  const reader = new Reader(data, HEADER_BYTES);
  const entries: Entry[] = [];
  try {
    for (let i = 0; i < count; i++) entries.push(readEntry(reader));
  } catch (error) {
    // The digest is right and the lengths are not: somebody else's idea of the format.
    if (error instanceof RangeError) return undefined;
    throw error;
  }
  return entries;
}

function readEntry(reader: Reader): Entry {
  const start = reader.at;
  const tag = reader.uint32();
  const alias = reader.text();
  reader.skip(8);
  let certificate: Buffer | undefined;
  if (tag === TRUSTED_CERTIFICATE) {
    reader.text();
    certificate = reader.bytes(reader.uint32());
  } else if (tag === PRIVATE_KEY) {
    reader.skip(reader.uint32());
    const count = reader.uint32();
    for (let i = 0; i < count; i++) {
      reader.text();
      reader.skip(reader.uint32());
    }
  } else {
    throw new RangeError(`Entry type ${String(tag)}`);
  }
  return { alias, bytes: reader.since(start), certificate };
}

function entryOf(alias: string, der: Buffer): Buffer {
  const tag = Buffer.alloc(4);
  tag.writeUInt32BE(TRUSTED_CERTIFICATE);
  // Its creation date is 1970: the same bytes each time.
  const date = Buffer.alloc(8);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(der.length);
  return Buffer.concat([tag, javaText(alias), date, javaText(CERTIFICATE_TYPE), length, der]);
}

function writeStore(entries: readonly Buffer[]): Buffer {
  const header = Buffer.alloc(HEADER_BYTES);
  header.writeUInt32BE(MAGIC);
  header.writeUInt32BE(VERSION, 4);
  header.writeUInt32BE(entries.length, 8);
  const data = Buffer.concat([header, ...entries]);
  return Buffer.concat([data, digestOf(data)]);
}

function digestOf(data: Buffer): Buffer {
  const password = Buffer.from(PASSWORD, 'utf16le').swap16();
  return createHash('sha1').update(password).update('Mighty Aphrodite').update(data).digest();
}

/** DataOutput.writeUTF of plain text. */
function javaText(text: string): Buffer {
  const length = Buffer.alloc(2);
  length.writeUInt16BE(text.length);
  return Buffer.concat([length, Buffer.from(text, 'latin1')]);
}

/** Reads forward. @throws RangeError behind the end */
class Reader {
  readonly #data: Buffer;
  at: number;

  constructor(data: Buffer, at: number) {
    this.#data = data;
    this.at = at;
  }

  uint32(): number {
    return this.bytes(4).readUInt32BE();
  }

  text(): string {
    return this.bytes(this.bytes(2).readUInt16BE()).toString('latin1');
  }

  skip(length: number): void {
    this.bytes(length);
  }

  bytes(length: number): Buffer {
    if (this.at + length > this.#data.length) throw new RangeError('Behind the end');
    this.at += length;
    return this.#data.subarray(this.at - length, this.at);
  }

  since(start: number): Buffer {
    return this.#data.subarray(start, this.at);
  }
}
