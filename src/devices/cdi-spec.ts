/** A device description of this host: the parts of a CDI specification that a step can be given. */
export interface CdiSpec {
  /** Where it was read, for messages. */
  readonly path: string;
  /** `vendor/class`. */
  readonly kind: string;
  readonly annotations: ReadonlyMap<string, string>;
  readonly devices: readonly CdiDevice[];
  /** Belongs to every device of the file. */
  readonly edits: CdiEdits;
}

/** One device of a specification. */
export interface CdiDevice {
  readonly name: string;
  readonly annotations: ReadonlyMap<string, string>;
  readonly edits: CdiEdits;
}

/** What a device adds to a step. */
export interface CdiEdits {
  /** `NAME=value`. */
  readonly env: readonly string[];
  readonly nodes: readonly CdiNode[];
  readonly mounts: readonly CdiMount[];
  /** Groups that the step's user is in besides its own. */
  readonly groups: readonly number[];
  /** Programs of the host that a runtime would run around the step. */
  readonly hookCount: number;
}

/** A device node of the host. */
export interface CdiNode {
  readonly hostPath: string;
  /** In the step. */
  readonly path: string;
  /** Of `r`, `w` and `m`. */
  readonly permissions: string;
}

/** A file or directory of the host. */
export interface CdiMount {
  readonly hostPath: string;
  /** In the step. */
  readonly path: string;
  readonly isReadonly: boolean;
}

/** A specification, or the reason why it is none. */
export type CdiSpecResult =
  { readonly ok: true; readonly spec: CdiSpec } | { readonly ok: false; readonly message: string };

/** More devices, or edits of one kind, than this are no description of a machine. */
const MAX_ENTRIES = 10_000;

/**
 * Checks what was read from a specification file, by the Container Device Interface, SPEC.md, up to
 * version 1.1. Keys that are not known do not count, as later versions may add some.
 */
export function readCdiSpec(value: unknown, path: string): CdiSpecResult {
  try {
    return { ok: true, spec: specOf(value, path) };
  } catch (error) {
    if (!(error instanceof SpecError)) throw error;
    return { ok: false, message: error.message };
  }
}

/** Only thrown and caught in this file. */
class SpecError extends Error {}

type Fields = Readonly<Record<string, unknown>>;

const NO_EDITS: CdiEdits = { env: [], nodes: [], mounts: [], groups: [], hookCount: 0 };

function specOf(value: unknown, path: string): CdiSpec {
  const top = fields(value, 'the file');
  const version = text(top['cdiVersion'], 'cdiVersion');
  if (!/^v?\d+\.\d+\.\d+$/.test(version)) throw new SpecError(`unknown cdiVersion "${version}"`);
  const kind = text(top['kind'], 'kind');
  if (!isKind(kind)) throw new SpecError(`kind "${kind}" is not of the form vendor/class`);
  const devices = list(top['devices'], 'devices').map((each) => deviceOf(each));
  if (devices.length === 0) throw new SpecError('it has no devices');
  const repeated = devices.find((each, i) => devices.findIndex((d) => d.name === each.name) < i);
  if (repeated !== undefined) throw new SpecError(`device "${repeated.name}" is there twice`);
  return {
    path,
    kind,
    annotations: annotationsOf(top['annotations']),
    devices,
    edits: editsOf(top['containerEdits']),
  };
}

function isKind(kind: string): boolean {
  const [vendor = '', deviceClass = '', ...more] = kind.split('/');
  const part = /^[A-Za-z](?:[A-Za-z0-9._-]*[A-Za-z0-9])?$/;
  return more.length === 0 && part.test(vendor) && part.test(deviceClass);
}

function deviceOf(value: unknown): CdiDevice {
  const device = fields(value, 'a device');
  // A number is what YAML makes of `name: 0`.
  const name = typeof device['name'] === 'number' ? String(device['name']) : device['name'];
  if (typeof name !== 'string' || !/^[A-Za-z0-9](?:[A-Za-z0-9._:-]*[A-Za-z0-9])?$/.test(name)) {
    throw new SpecError(`${JSON.stringify(name)} is not a name of a device`);
  }
  return {
    name,
    annotations: annotationsOf(device['annotations']),
    edits: editsOf(device['containerEdits']),
  };
}

function annotationsOf(value: unknown): ReadonlyMap<string, string> {
  if (value === undefined || value === null) return new Map();
  const entries = Object.entries(fields(value, 'annotations'));
  return new Map(entries.map(([name, each]) => [name, String(each)]));
}

function editsOf(value: unknown): CdiEdits {
  if (value === undefined || value === null) return NO_EDITS;
  const edits = fields(value, 'containerEdits');
  return {
    env: list(edits['env'], 'env').map(variable),
    nodes: list(edits['deviceNodes'], 'deviceNodes').map(nodeOf),
    mounts: list(edits['mounts'], 'mounts').map(mountOf),
    groups: list(edits['additionalGids'], 'additionalGids').map(groupId),
    hookCount: list(edits['hooks'], 'hooks').length,
  };
}

function variable(value: unknown): string {
  const entry = text(value, 'env');
  if (/^[^=\0]+=[^\0]*$/.test(entry)) return entry;
  throw new SpecError(`env "${entry}" is not of the form NAME=value`);
}

function nodeOf(value: unknown): CdiNode {
  const node = fields(value, 'deviceNodes');
  const path = absolute(node['path'], 'path of deviceNodes');
  const type = text(node['type'] ?? '', 'type of deviceNodes');
  if (!['', 'b', 'c', 'u', 'p'].includes(type)) {
    throw new SpecError(`device node "${path}" is of the unknown type "${type}"`);
  }
  const permissions = text(node['permissions'] ?? 'rwm', 'permissions');
  if (!/^[rwm]+$/.test(permissions)) {
    throw new SpecError(`device node "${path}" has the permissions "${permissions}"`);
  }
  const { hostPath } = node;
  const isGiven = hostPath !== undefined && hostPath !== '';
  return { path, permissions, hostPath: isGiven ? absolute(hostPath, 'hostPath') : path };
}

function mountOf(value: unknown): CdiMount {
  const mount = fields(value, 'mounts');
  const path = absolute(mount['containerPath'], 'containerPath');
  const type = text(mount['type'] ?? 'bind', 'type of mounts');
  if (!['', 'bind', 'none'].includes(type)) {
    throw new SpecError(`mount "${path}" is of the type "${type}", only bind is possible`);
  }
  const options = list(mount['options'], 'options').map((each) => text(each, 'options'));
  const hostPath = absolute(mount['hostPath'], 'hostPath');
  return { hostPath, path, isReadonly: options.includes('ro') };
}

function groupId(value: unknown): number {
  if (typeof value === 'number' && Number.isInteger(value) && value > 0 && value < 0xffff_ffff) {
    return value;
  }
  throw new SpecError(`${JSON.stringify(value)} is not a group`);
}

function fields(value: unknown, what: string): Fields {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Fields;
  throw new SpecError(`${what} must be an object`);
}

function list(value: unknown, what: string): readonly unknown[] {
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw new SpecError(`${what} must be a list`);
  if (value.length > MAX_ENTRIES)
    throw new SpecError(`${what} has more than ${MAX_ENTRIES} entries`);
  return value;
}

function text(value: unknown, what: string): string {
  if (typeof value === 'string') return value;
  throw new SpecError(`${what} must be a text`);
}

function absolute(value: unknown, what: string): string {
  const path = text(value, what);
  const parts = path.split('/');
  if (path.startsWith('/') && !path.includes('\0') && !parts.includes('..')) return path;
  throw new SpecError(`${what} "${path}" is not an absolute path without ".."`);
}
