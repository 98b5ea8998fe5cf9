import { resolve } from 'node:path';
import { parseDigest, type Digest } from '../core/digest.ts';
import {
  COMPRESSION_KEYS,
  OptionValues,
  readCompression,
  type OptionFault,
} from '../export/option-values.ts';
import type { Compression } from '../export/output.ts';
import { parseReference } from '../image/reference.ts';
import { invalidCacheOption, unsupportedCache } from './errors.ts';

/** Where results of other builds are looked for: one `--cache-from`. */
export type CacheSource =
  | {
      readonly type: 'registry';
      /** As written. */
      readonly reference: string;
      readonly isInsecure: boolean;
      readonly restoresMounts: boolean;
    }
  | {
      readonly type: 'local';
      /** Absolute. */
      readonly directory: string;
      readonly tag: string;
      /** Of the manifest; goes before the tag. */
      readonly digest: Digest | undefined;
      readonly restoresMounts: boolean;
    };

/** Where results are kept for other builds: one `--cache-to`. */
export type CacheTarget =
  | ({
      readonly type: 'registry';
      readonly reference: string;
      readonly isInsecure: boolean;
    } & CacheForm)
  | ({ readonly type: 'local'; readonly directory: string; readonly tag: string } & CacheForm)
  /** In the config of the image. */
  | { readonly type: 'inline' };

/** What is kept, and how. */
export interface CacheForm {
  /** `min`: the steps whose layers are in the image. `max`: all steps. */
  readonly mode: 'min' | 'max';
  readonly compression: Compression;
  readonly forcesCompression: boolean;
  /** A cache that cannot be written is told, and the build succeeds. */
  readonly ignoresErrors: boolean;
  /** The directories of `RUN --mount=type=cache` are kept as well. */
  readonly savesMounts: boolean;
}

const TYPES = ['registry', 'local', 'inline', 'gha', 's3', 'azblob'] as const;
type CacheType = (typeof TYPES)[number];
const DEFAULT_TAG = 'latest';

const FORM_KEYS = [
  'type',
  'mode',
  ...COMPRESSION_KEYS,
  'ignore-error',
  'image-manifest',
  'oci-mediatypes',
  'mounts',
];
const TARGET_KEYS = {
  registry: [...FORM_KEYS, 'ref', 'registry.insecure'],
  local: [...FORM_KEYS, 'dest', 'tag'],
  inline: ['type'],
};
const SOURCE_KEYS = {
  registry: ['type', 'ref', 'registry.insecure', 'mounts'],
  local: ['type', 'src', 'tag', 'digest', 'mounts'],
};

/**
 * Reads a `--cache-from` value. Text without `=` is the reference of a registry cache.
 * @throws BuildError CACHE_OPTION_INVALID, INVALID_REFERENCE, UNSUPPORTED
 */
export function parseCacheSource(text: string, cwd: string): CacheSource {
  const fault: OptionFault = (found, hint) => invalidCacheOption('--cache-from', text, found, hint);
  const isReference = text !== '' && !/[=,"]/.test(text);
  const values = new OptionValues(isReference ? `type=registry,ref=${text}` : text, fault);
  const type = readType('--cache-from', values);
  if (type === 'inline') {
    throw fault('an inline cache is in an image', 'Write type=registry,ref= and the image.');
  }
  values.checkKeys(SOURCE_KEYS[type], `cache importer '${type}'`);
  const restoresMounts = values.flag('mounts', false);
  if (type === 'registry') {
    return { type, ...readRegistry(values), restoresMounts };
  }
  const digestText = values.get('digest');
  const digest = digestText === undefined ? undefined : parseDigest(digestText);
  if (digestText !== undefined && digest === undefined) {
    throw fault(`"${digestText}" is no digest`, 'Write digest=sha256: and 64 hex digits.');
  }
  const directory = resolve(cwd, required(values, 'src'));
  return { type, directory, tag: values.get('tag') ?? DEFAULT_TAG, digest, restoresMounts };
}

/**
 * Reads a `--cache-to` value.
 * @throws BuildError CACHE_OPTION_INVALID, INVALID_REFERENCE, UNSUPPORTED
 */
export function parseCacheTarget(text: string, cwd: string): CacheTarget {
  const fault: OptionFault = (found, hint) => invalidCacheOption('--cache-to', text, found, hint);
  const isType = (TYPES as readonly string[]).includes(text);
  const isReference = text !== '' && !isType && !/[=,"]/.test(text);
  const written = isType ? `type=${text}` : isReference ? `type=registry,ref=${text}` : text;
  const values = new OptionValues(written, fault);
  const type = readType('--cache-to', values);
  values.checkKeys(TARGET_KEYS[type], `cache exporter '${type}'`);
  if (type === 'inline') return { type };
  const form = readForm(values);
  if (type === 'registry') return { type, ...readRegistry(values), ...form };
  const directory = resolve(cwd, required(values, 'dest'));
  return { type, directory, tag: values.get('tag') ?? DEFAULT_TAG, ...form };
}

function readType(flag: string, values: OptionValues): 'registry' | 'local' | 'inline' {
  const type: CacheType = values.type(
    TYPES,
    'a cache',
    (written) => `unknown cache type "${written}"`,
  );
  switch (type) {
    case 'registry':
    case 'local':
    case 'inline':
      return type;
    case 'gha':
      throw unsupportedCache(flag, type, 'it needs the service of GitHub that only its jobs reach');
    case 's3':
    case 'azblob':
      throw unsupportedCache(flag, type, 'it needs the protocol of one provider of storage');
    default:
      return type satisfies never;
  }
}

function readRegistry(values: OptionValues): { reference: string; isInsecure: boolean } {
  const reference = required(values, 'ref');
  parseReference(reference);
  return { reference, isInsecure: values.flag('registry.insecure', false) };
}

function readForm(values: OptionValues): CacheForm {
  const mode = values.get('mode') ?? 'min';
  if (mode !== 'min' && mode !== 'max') {
    throw values.fault(`unknown mode "${mode}"`, 'Write mode=min or mode=max.');
  }
  for (const key of ['image-manifest', 'oci-mediatypes']) {
    if (values.flag(key, true)) continue;
    const found = `${key}=false: a cache is always kept as an image manifest of the OCI form`;
    throw values.fault(found, `Leave ${key} out.`);
  }
  return {
    mode,
    compression: readCompression(values),
    forcesCompression: values.flag('force-compression', false),
    ignoresErrors: values.flag('ignore-error', false),
    savesMounts: values.flag('mounts', false),
  };
}

function required(values: OptionValues, key: string): string {
  const value = values.get(key) ?? '';
  if (value === '') throw values.fault(`${key} is missing`, `Add ${key}=.`);
  return value;
}
