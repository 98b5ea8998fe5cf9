import { nearest } from '../core/suggest.ts';
import { csvFields } from '../dockerfile/csv-fields.ts';
import { invalidOutput, unsupportedOutput } from './errors.ts';
import type { Compression, Output } from './output.ts';

const TYPES = ['oci', 'docker', 'local', 'tar', 'image', 'registry', 'cacheonly'] as const;
type OutputType = (typeof TYPES)[number];

const IMAGE_KEYS = ['name', 'compression', 'compression-level', 'oci-mediatypes'];
const KEYS: Readonly<Record<OutputType, readonly string[]>> = {
  oci: ['type', 'dest', 'tar', ...IMAGE_KEYS],
  docker: ['type', 'dest', 'tar', ...IMAGE_KEYS],
  local: ['type', 'dest'],
  tar: ['type', 'dest'],
  image: ['type', 'push', ...IMAGE_KEYS],
  registry: ['type', ...IMAGE_KEYS],
  cacheonly: ['type'],
};

/** Like BuildKit and Docker: zlib's own balance of time and size. */
const DEFAULT_GZIP_LEVEL = 6;
const MAX_GZIP_LEVEL = 9;

/**
 * Reads an `-o` value: `type=oci,dest=out.tar` and the like, fields as in CSV. A bare path is the
 * directory of a `local` output, `-` is a tar archive on standard output (buildx
 * `util/buildflags/export.go`).
 * @throws BuildError OUTPUT_INVALID, UNSUPPORTED
 */
export function parseOutput(text: string): Output {
  const csv = csvFields(text);
  if (!csv.ok) throw invalidOutput(text, csv.message);
  const [only = ''] = csv.fields;
  if (csv.fields.length === 1 && !only.includes('=')) {
    if (only === '-') return { type: 'tar', dest: '-' };
    if (only === '') throw invalidOutput(text, 'type is required for output');
    return { type: 'local', dest: only };
  }
  const values = readPairs(text, csv.fields);
  const type = readType(text, values);
  for (const key of values.keys()) checkKey(text, type, key);
  return new OutputReader(text, values).read(type);
}

function readPairs(text: string, fields: readonly string[]): Map<string, string> {
  const values = new Map<string, string>();
  for (const field of fields) {
    const equals = field.indexOf('=');
    if (equals < 0) throw invalidOutput(text, `invalid value ${field}`, 'Write it as key=value.');
    const key = field.slice(0, equals).trim().toLowerCase();
    if (values.has(key)) throw invalidOutput(text, `"${key}" is there twice`);
    values.set(key, field.slice(equals + 1));
  }
  return values;
}

function readType(text: string, values: ReadonlyMap<string, string>): OutputType {
  const written = values.get('type');
  if (written === undefined || written === '') {
    throw invalidOutput(
      text,
      'type is required for output',
      `Begin it with type= and one of ${TYPES.join(', ')}.`,
    );
  }
  const type = TYPES.find((known) => known === written);
  if (type !== undefined) return type;
  throw invalidOutput(
    text,
    `exporter "${written}" could not be found`,
    didYouMean(nearest(written, TYPES)) ?? `Known are ${TYPES.join(', ')}.`,
  );
}

function checkKey(text: string, type: OutputType, key: string): void {
  const keys = KEYS[type];
  if (keys.includes(key)) return;
  throw invalidOutput(
    text,
    `unexpected key '${key}' for output type '${type}'`,
    didYouMean(nearest(key, keys)) ?? `Known are ${keys.join(', ')}.`,
  );
}

class OutputReader {
  readonly #text: string;
  readonly #values: ReadonlyMap<string, string>;

  constructor(text: string, values: ReadonlyMap<string, string>) {
    this.#text = text;
    this.#values = values;
  }

  read(type: OutputType): Output {
    switch (type) {
      case 'oci':
      case 'docker':
        return this.#archive(type);
      case 'tar':
        return { type, dest: this.#values.get('dest') ?? '-' };
      case 'local':
        return { type, dest: this.#directory() };
      case 'image':
        return this.#image(this.#flag('push', false));
      case 'registry':
        return this.#image(true);
      case 'cacheonly':
        throw unsupportedOutput(
          '"type=cacheonly"',
          'a build without a result needs no output',
          'Leave -o out: the image then stays in the local store.',
        );
      default:
        return type satisfies never;
    }
  }

  #archive(type: 'oci' | 'docker'): Output {
    const isTar = this.#flag('tar', true);
    const dest = isTar ? (this.#values.get('dest') ?? '-') : this.#directory();
    if (dest === '') throw this.#fault('dest is empty');
    return { type, dest, isTar, names: this.#names(), ...this.#encoding(type === 'oci') };
  }

  #image(push: boolean): Output {
    return { type: 'image', names: this.#names(), push, ...this.#encoding(false) };
  }

  #encoding(isOci: boolean): { compression: Compression; ociMediaTypes: boolean } {
    const ociMediaTypes = this.#flag('oci-mediatypes', true);
    if (isOci && !ociMediaTypes) {
      throw this.#fault(
        'invalid exporter options: oci-mediatypes=false for an OCI layout',
        'Use type=docker for Docker media types.',
      );
    }
    return { compression: this.#compression(), ociMediaTypes };
  }

  #compression(): Compression {
    const kind = this.#values.get('compression') ?? 'gzip';
    const level = this.#values.get('compression-level');
    if (level !== undefined && !/^[0-9]$/.test(level)) {
      const found = `invalid compression-level "${level}"`;
      throw this.#fault(found, `It is a number from 0 to ${MAX_GZIP_LEVEL}.`);
    }
    if (kind === 'uncompressed') return { kind };
    if (kind === 'gzip') {
      return { kind, level: level === undefined ? DEFAULT_GZIP_LEVEL : Number(level) };
    }
    if (kind === 'zstd' || kind === 'estargz') {
      throw unsupportedOutput(
        `"${this.#text}"`,
        `compression ${kind} is not written`,
        'Use compression=gzip or compression=uncompressed.',
      );
    }
    const similar = nearest(kind, ['gzip', 'uncompressed']);
    throw this.#fault(
      `unsupported compression type ${kind}`,
      didYouMean(similar) ?? 'Use compression=gzip or compression=uncompressed.',
    );
  }

  #directory(): string {
    const dest = this.#values.get('dest');
    if (dest === undefined || dest === '') throw this.#fault('dest is required for local output');
    if (dest === '-') throw this.#fault('dest file is invalid for local exporter: it is a stream');
    return dest;
  }

  #names(): string[] {
    return (this.#values.get('name') ?? '')
      .split(',')
      .map((name) => name.trim())
      .filter((name) => name !== '');
  }

  /** As Go's strconv.ParseBool reads it. An empty value counts as true, as in BuildKit. */
  #flag(key: string, unset: boolean): boolean {
    const value = this.#values.get(key);
    if (value === undefined) return unset;
    if (['', '1', 't', 'T', 'true', 'TRUE', 'True'].includes(value)) return true;
    if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(value)) return false;
    throw this.#fault(`non-bool value specified for ${key}`, `Write ${key}=true or ${key}=false.`);
  }

  #fault(found: string, hint?: string): Error {
    return invalidOutput(this.#text, found, hint);
  }
}

function didYouMean(similar: string | undefined): string | undefined {
  return similar === undefined ? undefined : `Did you mean "${similar}"?`;
}
