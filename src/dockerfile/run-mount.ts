import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { Word } from './ast.ts';
import { suggestion } from './check-flags.ts';
import { cleanPath } from './clean-path.ts';
import { csvFields } from './csv-fields.ts';
import { invalidMount, quoted } from './errors.ts';
import type { Expansion, ExpansionFailure } from './expand.ts';
import { parseByteSize, parseGoBool, parseUnsigned } from './go-values.ts';

const MOUNT_TYPES = ['bind', 'cache', 'tmpfs', 'secret', 'ssh'] as const;
const SHARING_MODES = ['shared', 'private', 'locked'] as const;

export type RunMountType = (typeof MOUNT_TYPES)[number];
export type CacheSharing = (typeof SHARING_MODES)[number];

/** One `RUN --mount` after expansion. Fields that were not given are undefined, not defaulted. */
export interface RunMount {
  readonly type: RunMountType;
  /** Stage name, stage index, named context or image. */
  readonly from: string | undefined;
  readonly source: string | undefined;
  /** As written: may be relative to WORKDIR. */
  readonly target: string | undefined;
  readonly isReadOnly: boolean;
  /** `size=` of a tmpfs. */
  readonly sizeBytes: number | undefined;
  /** Of a cache, a secret or an SSH agent. */
  readonly id: string | undefined;
  readonly sharing: CacheSharing | undefined;
  readonly isRequired: boolean;
  /** `env=` of a secret: the variable that holds it; "" means the one named like the secret. */
  readonly env: string | undefined;
  /** 0 to 0o7777. */
  readonly mode: number | undefined;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
}

/** Expands one value of the mount, with the environment of the RUN. */
export type ExpandValue = (value: string) => Expansion | ExpansionFailure;

export type RunMountResult =
  | { readonly ok: true; readonly mount: RunMount }
  | { readonly ok: false; readonly diagnostic: Diagnostic };

/**
 * Parses the value of `RUN --mount`, a line of CSV. Keys and checks are those of BuildKit
 * (frontend/dockerfile/instructions/commands_runmount.go), in its order: `type` has to come before
 * the keys that depend on it. Stricter in two things: a mode is at most 0o7777, and an id of
 * 4294967295 is refused, because the kernel takes it for -1.
 */
export function parseRunMount(word: Word, expand: ExpandValue): RunMountResult {
  try {
    return { ok: true, mount: readMount(word.raw, expand) };
  } catch (error) {
    if (!(error instanceof MountError)) throw error;
    return { ok: false, diagnostic: invalidMount(error.message, word.span, error.similar) };
  }
}

/**
 * What is wrong with a mount before variables have values; undefined if nothing. Only `from` is
 * needed so early, because it names a stage.
 */
export function checkUnexpandedMount(value: string): string | undefined {
  const csv = csvFields(value);
  if (!csv.ok) return `failed to parse csv mounts: ${csv.message}`;
  for (const field of csv.fields) {
    const { key, text } = splitField(field);
    const dollar = key === 'from' ? (text ?? '').indexOf('$') : -1;
    if (dollar >= 0 && dollar !== (text ?? '').length - 1) {
      return `'${key}' doesn't support variable expansion, define alias stage instead`;
    }
  }
  return undefined;
}

type Draft = { -readonly [Key in keyof RunMount]: RunMount[Key] } & { isAccessGiven: boolean };

/** Only thrown and caught in this file. */
class MountError extends Error {
  readonly similar: string | undefined;

  constructor(message: string, similar?: string) {
    super(message);
    this.similar = similar;
  }
}

const KEYS = [
  'type',
  'from',
  'source',
  'target',
  'readonly',
  'id',
  'sharing',
  'required',
  'size',
  'mode',
  'uid',
  'gid',
  'src',
  'dst',
  'destination',
  'ro',
  'rw',
  'readwrite',
  'env',
];
const MAX_MODE = 0o7777;
/** 2^32 - 2. The next one is -1 for the kernel: "leave the owner as it is". */
const MAX_ID = 4_294_967_294;

function readMount(value: string, expand: ExpandValue): RunMount {
  const csv = csvFields(value);
  if (!csv.ok) throw new MountError(`failed to parse csv mounts: ${csv.message}`);
  const draft: Draft = {
    type: 'bind',
    from: undefined,
    source: undefined,
    target: undefined,
    isReadOnly: false,
    sizeBytes: undefined,
    id: undefined,
    sharing: undefined,
    isRequired: false,
    env: undefined,
    mode: undefined,
    uid: undefined,
    gid: undefined,
    isAccessGiven: false,
  };
  for (const field of csv.fields) {
    const { key, text } = splitField(field);
    if (text === undefined) applyBareKey(draft, key, field);
    else applyPair(draft, key, expandOrThrow(text, expand), field);
  }
  const { isAccessGiven, ...mount } = draft;
  if (!isAccessGiven) mount.isReadOnly = mount.type !== 'cache' && mount.type !== 'tmpfs';
  checkMount(mount);
  return mount;
}

function splitField(field: string): { key: string; text: string | undefined } {
  const equals = field.indexOf('=');
  if (equals < 0) return { key: field.toLowerCase(), text: undefined };
  return { key: field.slice(0, equals).toLowerCase(), text: field.slice(equals + 1) };
}

function expandOrThrow(text: string, expand: ExpandValue): string {
  const expanded = expand(text);
  if (!expanded.ok) throw new MountError(expanded.message);
  return expanded.text;
}

function applyBareKey(draft: Draft, key: string, field: string): void {
  switch (key) {
    case 'readonly':
    case 'ro':
      setAccess(draft, true);
      return;
    case 'readwrite':
    case 'rw':
      setAccess(draft, false);
      return;
    case 'required':
      requireType(draft, key, ['secret', 'ssh']);
      draft.isRequired = true;
      return;
    default:
      throw new MountError(`invalid field '${field}' must be a key=value pair`);
  }
}

function applyPair(draft: Draft, key: string, value: string, field: string): void {
  switch (key) {
    case 'type':
      draft.type = oneOf(value, MOUNT_TYPES, 'mount type');
      return;
    case 'from':
      draft.from = given(value);
      return;
    case 'source':
    case 'src':
      draft.source = given(value);
      return;
    case 'target':
    case 'dst':
    case 'destination':
      draft.target = given(value);
      return;
    case 'id':
      draft.id = given(value);
      return;
    case 'env':
      draft.env = value;
      return;
    case 'sharing':
      draft.sharing = oneOf(value, SHARING_MODES, 'sharing value');
      return;
    default:
      applyCheckedPair(draft, key, value, field);
  }
}

/** The keys whose values have a form of their own. */
function applyCheckedPair(draft: Draft, key: string, value: string, field: string): void {
  switch (key) {
    case 'readonly':
    case 'ro':
      setAccess(draft, switchOf(key, value));
      return;
    case 'readwrite':
    case 'rw':
      setAccess(draft, !switchOf(key, value));
      return;
    case 'required':
      requireType(draft, key, ['secret', 'ssh']);
      draft.isRequired = switchOf(key, value);
      return;
    case 'size':
      requireType(draft, key, ['tmpfs']);
      draft.sizeBytes = parseByteSize(value) ?? invalidValue(key, value);
      return;
    case 'mode':
      draft.mode = parseUnsigned(value, 8, MAX_MODE) ?? invalidNumber(key, value);
      return;
    case 'uid':
    case 'gid':
      draft[key] = parseUnsigned(value, 10, MAX_ID) ?? invalidNumber(key, value);
      return;
    default:
      throw new MountError(`unexpected key '${key}' in '${field}'`, suggestion(key, KEYS));
  }
}

function checkMount(mount: RunMount): void {
  const { type } = mount;
  if (type === 'bind' || type === 'tmpfs') {
    for (const key of ['mode', 'uid', 'gid'] as const) {
      if (mount[key] !== undefined) {
        throw new MountError(`${key} not allowed for ${quoted(type)} type mounts`);
      }
    }
  }
  if (type === 'secret') checkSecret(mount);
  if (mount.sharing !== undefined && type !== 'cache') {
    throw new MountError(`invalid cache sharing set for ${type} mount`);
  }
  if (mount.target?.startsWith('/') === true && cleanPath(mount.target) === '/') {
    throw new MountError(`invalid mount target ${quoted('/')}`);
  }
}

function checkSecret({ from, sharing, source, target, id }: RunMount): void {
  if (from !== undefined) throw new MountError('secret mount should not have a from');
  if (sharing !== undefined) throw new MountError('secret mount should not define sharing');
  if (source === undefined && target === undefined && id === undefined) {
    throw new MountError('invalid secret mount. one of source, target required');
  }
  if (source !== undefined && id !== undefined) {
    throw new MountError("both source and id can't be set");
  }
}

function setAccess(draft: Draft, isReadOnly: boolean): void {
  draft.isReadOnly = isReadOnly;
  draft.isAccessGiven = true;
}

function requireType(draft: Draft, key: string, types: readonly RunMountType[]): void {
  if (types.includes(draft.type)) return;
  throw new MountError(`unexpected key '${key}' for mount type '${draft.type}'`);
}

function oneOf<T extends string>(value: string, allowed: readonly T[], what: string): T {
  const found = allowed.find((candidate) => candidate === value.toLowerCase());
  if (found !== undefined) return found;
  throw new MountError(`unsupported ${what} ${quoted(value)}`, suggestion(value, allowed));
}

function switchOf(key: string, value: string): boolean {
  return parseGoBool(value) ?? invalidValue(key, value);
}

function invalidValue(key: string, value: string): never {
  throw new MountError(`invalid value for ${key}: ${value}`);
}

function invalidNumber(key: string, value: string): never {
  throw new MountError(`invalid value ${value} for ${key}`);
}

/** `from=` with nothing behind it counts as not given. */
function given(value: string): string | undefined {
  return value === '' ? undefined : value;
}
