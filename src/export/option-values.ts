import { nearest } from '../core/suggest.ts';
import { csvFields } from '../dockerfile/csv-fields.ts';
import { unsupportedOutput } from './errors.ts';
import { DEFAULT_GZIP_LEVEL, type Compression } from './output.ts';

/** Makes the error for a value that cannot be understood. */
export type OptionFault = (found: string, hint?: string) => Error;

/** The `key=value` fields of one option such as `-o type=oci,dest=out.tar`, as in a line of CSV. */
export class OptionValues {
  readonly text: string;
  /** In the order of the text. */
  readonly pairs: ReadonlyMap<string, string>;
  readonly fault: OptionFault;

  /**
   * Keys are not case-sensitive, but for those of annotations.
   * @throws what `fault` makes
   */
  constructor(text: string, fault: OptionFault) {
    this.text = text;
    this.fault = fault;
    const csv = csvFields(text);
    if (!csv.ok) throw fault(csv.message);
    const pairs = new Map<string, string>();
    for (const field of csv.fields) {
      const equals = field.indexOf('=');
      if (equals < 0) throw fault(`invalid value ${field}`, 'Write it as key=value.');
      const written = field.slice(0, equals).trim();
      const key = /^annotation/i.test(written) ? written : written.toLowerCase();
      if (pairs.has(key)) throw fault(`"${key}" is there twice`);
      pairs.set(key, field.slice(equals + 1));
    }
    this.pairs = pairs;
  }

  get(key: string): string | undefined {
    return this.pairs.get(key);
  }

  /** Refuses every key that is not in `known`, naming the nearest. `what` ends the sentence. */
  checkKeys(known: readonly string[], what: string): void {
    for (const key of this.pairs.keys()) {
      if (known.includes(key)) continue;
      const hint = didYouMean(nearest(key, known)) ?? `Known are ${known.join(', ')}.`;
      throw this.fault(`unexpected key '${key}' for ${what}`, hint);
    }
  }

  /** The `type`, one of the words in `known`. `words` are BuildKit's for one that is not. */
  type<Word extends string>(
    known: readonly Word[],
    what: string,
    words: (written: string) => string,
  ): Word {
    const written = this.get('type');
    if (written === undefined || written === '') {
      const hint = `Begin it with type= and one of ${known.join(', ')}.`;
      throw this.fault(`type is required for ${what}`, hint);
    }
    const type = known.find((word) => word === written);
    if (type !== undefined) return type;
    const hint = didYouMean(nearest(written, known)) ?? `Known are ${known.join(', ')}.`;
    throw this.fault(words(written), hint);
  }

  /** As Go's strconv.ParseBool reads it. An empty value counts as true, as in BuildKit. */
  flag(key: string, unset: boolean): boolean {
    const value = this.get(key);
    if (value === undefined) return unset;
    if (['', '1', 't', 'T', 'true', 'TRUE', 'True'].includes(value)) return true;
    if (['0', 'f', 'F', 'false', 'FALSE', 'False'].includes(value)) return false;
    throw this.fault(`non-bool value specified for ${key}`, `Write ${key}=true or ${key}=false.`);
  }

  /** Words between commas; none where the key is not there. */
  list(key: string): string[] {
    return (this.get(key) ?? '')
      .split(',')
      .map((word) => word.trim())
      .filter((word) => word !== '');
  }
}

/** The keys that `readCompression` reads. */
export const COMPRESSION_KEYS = ['compression', 'compression-level', 'force-compression'];

const KINDS = ['gzip', 'zstd', 'uncompressed', 'estargz'] as const;
const ZSTD_DEFAULT_LEVEL = 3;
const LEVELS = {
  gzip: { min: 0, max: 9, unset: DEFAULT_GZIP_LEVEL },
  zstd: { min: 1, max: 22, unset: ZSTD_DEFAULT_LEVEL },
} as const;

/** `compression` and `compression-level`. @throws BuildError UNSUPPORTED, or the fault of `values` */
export function readCompression(values: OptionValues): Compression {
  const written = values.get('compression') ?? 'gzip';
  const kind = KINDS.find((known) => known === written);
  switch (kind) {
    case undefined: {
      const hint = didYouMean(nearest(written, KINDS)) ?? `Known are ${KINDS.join(', ')}.`;
      throw values.fault(`unsupported compression type ${written}`, hint);
    }
    case 'estargz':
      throw unsupportedOutput(
        `"${values.text}"`,
        'compression estargz is not written: it serves only runtimes that pull lazily',
        'Use compression=gzip or compression=zstd.',
      );
    case 'uncompressed':
      return { kind };
    case 'gzip':
    case 'zstd':
      return { kind, level: readLevel(values, kind) };
    default:
      return kind satisfies never;
  }
}

function readLevel(values: OptionValues, kind: 'gzip' | 'zstd'): number {
  const { min, max, unset } = LEVELS[kind];
  const text = values.get('compression-level');
  if (text === undefined) return unset;
  const level = /^\d{1,2}$/.test(text) ? Number(text) : Number.NaN;
  if (level >= min && level <= max) return level;
  const hint = `For ${kind} it is a number from ${String(min)} to ${String(max)}.`;
  throw values.fault(`invalid compression-level "${text}"`, hint);
}

/** A hint that names the word that was most likely meant. */
function didYouMean(similar: string | undefined): string | undefined {
  return similar === undefined ? undefined : `Did you mean "${similar}"?`;
}
