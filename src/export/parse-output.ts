import { csvFields } from '../dockerfile/csv-fields.ts';
import { isAnnotationKey, readAnnotation } from './annotations.ts';
import { invalidOutput, unsupportedOutput } from './errors.ts';
import {
  COMPRESSION_KEYS,
  OptionValues,
  readCompression,
  type OptionFault,
} from './option-values.ts';
import type { EncodingOptions, Output } from './output.ts';

const TYPES = ['oci', 'docker', 'local', 'tar', 'image', 'registry', 'cacheonly'] as const;
type OutputType = (typeof TYPES)[number];

/**
 * Keys of BuildKit's that ask for what happens anyway, or for the form of attestations, of which there
 * are none: an image of the store is always unpacked.
 */
const WITHOUT_EFFECT = ['unpack', 'attestation-inline', 'attestation-prefix', 'oci-artifact'];

const IMAGE_KEYS = [
  'name',
  ...COMPRESSION_KEYS,
  'oci-mediatypes',
  'rewrite-timestamp',
  ...WITHOUT_EFFECT,
];
const STORE_KEYS = [
  'push-by-digest',
  'registry.insecure',
  'store',
  'name-canonical',
  ...IMAGE_KEYS,
];
const KEYS: Readonly<Record<OutputType, readonly string[]>> = {
  oci: ['type', 'dest', 'tar', ...IMAGE_KEYS],
  docker: ['type', 'dest', 'tar', ...IMAGE_KEYS],
  local: ['type', 'dest', 'platform-split', 'mode'],
  tar: ['type', 'dest', 'platform-split'],
  image: ['type', 'push', ...STORE_KEYS],
  registry: ['type', ...STORE_KEYS],
  cacheonly: ['type'],
};

/** Keys that BuildKit knows, why they are not here, and what to do instead. */
const REFUSED: Readonly<Record<string, readonly [found: string, hint: string]>> = {
  'dangling-name-prefix': ['an image without a name stays without one', 'Give it one with name=.'],
  'danging-name-empty-only': [
    'an image without a name stays without one',
    'Give it one with name=.',
  ],
  'prefer-nondist-layers': [
    'layers keep the media types that they came with',
    'Leave prefer-nondist-layers out.',
  ],
  'source-date-epoch': [
    'all outputs of a build have one time',
    'Use --source-date-epoch, or set SOURCE_DATE_EPOCH.',
  ],
};

/**
 * Reads an `-o` value: `type=oci,dest=out.tar` and the like, fields as in CSV. A bare path is the
 * directory of a `local` output, `-` is a tar archive on standard output (buildx
 * `util/buildflags/export.go`).
 * @throws BuildError OUTPUT_INVALID, UNSUPPORTED
 */
export function parseOutput(text: string): Output {
  const fault: OptionFault = (found, hint) => invalidOutput(text, found, hint);
  const csv = csvFields(text);
  const [only = ''] = csv.ok && csv.fields.length === 1 ? csv.fields : [];
  if (only === '-') return { type: 'tar', dest: '-', isSplit: undefined };
  if (only !== '' && !only.includes('=')) return { type: 'local', dest: only, isSplit: undefined };
  const values = new OptionValues(text, fault);
  const type = values.type(
    TYPES,
    'output',
    (written) => `exporter "${written}" could not be found`,
  );
  for (const key of values.pairs.keys()) {
    const refused = REFUSED[key];
    if (refused !== undefined)
      throw unsupportedOutput(`"${text}"`, `${key}: ${refused[0]}`, refused[1]);
  }
  const isImage = KEYS[type].includes('name');
  const annotationKeys = isImage ? [...values.pairs.keys()].filter(isAnnotationKey) : [];
  values.checkKeys([...KEYS[type], ...annotationKeys], `output type '${type}'`);
  return readOutput(type, values);
}

function readOutput(type: OutputType, values: OptionValues): Output {
  switch (type) {
    case 'docker':
      // Without a file, Docker loads it; and this is the store to load it into.
      if (!values.pairs.has('dest') && values.flag('tar', true))
        return readImage(values, false, 'always');
      return readArchive(type, values);
    case 'oci':
      return readArchive(type, values);
    case 'tar':
      return { type, dest: values.get('dest') ?? '-', isSplit: readSplit(values) };
    case 'local':
      checkMode(values);
      return { type, dest: readDirectory(values), isSplit: readSplit(values) };
    case 'image':
      return readImage(values, values.flag('push', false), 'always');
    case 'registry':
      // As BuildKit's containers: they keep nothing of it. Who says store=true wants it.
      return readImage(values, true, values.pairs.has('store') ? 'always' : 'when-here');
    case 'cacheonly':
      return { type };
    default:
      return type satisfies never;
  }
}

function readSplit(values: OptionValues): boolean | undefined {
  return values.get('platform-split') === undefined
    ? undefined
    : values.flag('platform-split', true);
}

/** `copy` is what is done anyway. @throws BuildError UNSUPPORTED */
function checkMode(values: OptionValues): void {
  const mode = values.get('mode') ?? 'copy';
  if (mode === 'copy') return;
  if (mode !== 'delete') throw values.fault(`invalid mode "${mode}"`, 'Known is mode=copy.');
  throw unsupportedOutput(
    `"${values.text}"`,
    'mode=delete: files of the directory that are not in the image always stay',
    'Leave mode= out.',
  );
}

function readArchive(type: 'oci' | 'docker', values: OptionValues): Output {
  const isTar = values.flag('tar', true);
  const dest = isTar ? (values.get('dest') ?? '-') : readDirectory(values);
  if (dest === '') throw values.fault('dest is empty');
  return { type, dest, isTar, names: values.list('name'), ...readEncoding(values, type === 'oci') };
}

function readImage(values: OptionValues, push: boolean, storing: 'always' | 'when-here'): Output {
  const names = values.list('name');
  const pushesByDigest = values.flag('push-by-digest', false);
  const tagged = names.find((name) => name.lastIndexOf(':') > name.lastIndexOf('/'));
  if (pushesByDigest && tagged !== undefined) {
    throw values.fault(`can't push tagged ref ${tagged} by digest`, 'Leave the tag out of name=.');
  }
  return {
    type: 'image',
    names,
    push: push || pushesByDigest,
    pushesByDigest,
    isInsecure: values.flag('registry.insecure', false),
    storing: values.flag('store', true) ? storing : 'never',
    isNameCanonical: values.flag('name-canonical', false),
    ...readEncoding(values, false),
  };
}

function readEncoding(values: OptionValues, isOci: boolean): EncodingOptions {
  const ociMediaTypes = values.flag('oci-mediatypes', true);
  if (isOci && !ociMediaTypes) {
    throw values.fault(
      'invalid exporter options: oci-mediatypes=false for an OCI layout',
      'Use type=docker for Docker media types.',
    );
  }
  if (!values.flag('rewrite-timestamp', true)) {
    throw unsupportedOutput(
      `"${values.text}"`,
      'rewrite-timestamp=false: with SOURCE_DATE_EPOCH, no file of a new layer is later than that',
      'Leave rewrite-timestamp out.',
    );
  }
  const compression = readCompression(values);
  const annotations = [...values.pairs]
    .filter(([key]) => isAnnotationKey(key))
    .map(([key, value]) => readAnnotation(key, value, values.fault));
  const needsOci =
    compression.kind === 'zstd' ? 'compression=zstd' : annotations.length > 0 && 'an annotation';
  if (!ociMediaTypes && needsOci !== false) {
    throw values.fault(
      `Docker media types have no place for ${needsOci}`,
      'Leave oci-mediatypes=false out.',
    );
  }
  return {
    compression,
    forcesCompression: values.flag('force-compression', false),
    ociMediaTypes,
    annotations,
  };
}

function readDirectory(values: OptionValues): string {
  const dest = values.get('dest');
  if (dest === undefined || dest === '') throw values.fault('dest is required for local output');
  if (dest === '-') throw values.fault('dest file is invalid for local exporter: it is a stream');
  return dest;
}
