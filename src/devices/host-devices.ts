import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { hasCode } from '../host/sys.ts';
import { readCdiSpec, type CdiDevice, type CdiEdits, type CdiSpec } from './cdi-spec.ts';

/** Where specifications are when nothing else is said; of two devices of one name the later one counts. */
export const CDI_DIRECTORIES: readonly string[] = ['/etc/cdi', '/var/run/cdi'];

/** Specifications of real machines have some thousand lines. */
const MAX_SPEC_BYTES = 8 * 1024 * 1024;
const MAX_SPECS = 1_000;

/** Annotations that BuildKit reads. */
const CLASS_ANNOTATION = 'org.mobyproject.buildkit.device.class';
const ALLOW_ANNOTATION = 'org.mobyproject.buildkit.device.autoallow';

/** A device of this host, with what it adds to a step. */
export interface HostDevice {
  /** `vendor/class=name`. */
  readonly name: string;
  /** `vendor/class`. */
  readonly kind: string;
  /** What BuildKit finds it by besides its name. */
  readonly deviceClass: string | undefined;
  /** Its specification lets every build have it. */
  readonly isAllowed: boolean;
  /** Those of its file first. */
  readonly edits: readonly CdiEdits[];
}

/** The devices that specifications of this host describe. */
export interface HostDevices {
  /** By name. */
  readonly all: readonly HostDevice[];
  /** Files that could not be used, with the reason. */
  readonly problems: readonly string[];
  /**
   * What the name in `RUN --device` stands for: `vendor/class=name` that device, `vendor/class` the
   * first of them, `vendor/class=*` all, and any other text the devices of that class by annotation.
   */
  find(name: string): readonly HostDevice[];
}

/**
 * Reads the specifications of the Container Device Interface in `directories`: files in JSON and YAML.
 * Files that cannot be used are left out and named in `problems`.
 */
export async function readHostDevices(directories: readonly string[]): Promise<HostDevices> {
  const problems: string[] = [];
  const devices = new Map<string, HostDevice>();
  for (const directory of directories) {
    const found = new Map<string, HostDevice[]>();
    for (const spec of await readSpecs(directory, problems)) {
      for (const device of spec.devices) {
        const made = hostDevice(spec, device);
        found.set(made.name, [...(found.get(made.name) ?? []), made]);
      }
    }
    for (const [name, [device, ...others]] of found) {
      // Two files of one directory that tell different things of a device: neither can be believed.
      devices.delete(name);
      if (others.length > 0) problems.push(`${directory} describes ${name} more than once`);
      else if (device !== undefined) devices.set(name, device);
    }
  }
  const all = [...devices.values()].sort((a, b) => (a.name < b.name ? -1 : 1));
  return { all, problems, find: (name) => findDevices(all, name) };
}

function hostDevice(spec: CdiSpec, device: CdiDevice): HostDevice {
  const annotation = (name: string): string | undefined =>
    device.annotations.get(name) ?? spec.annotations.get(name);
  return {
    name: `${spec.kind}=${device.name}`,
    kind: spec.kind,
    deviceClass: annotation(CLASS_ANNOTATION),
    isAllowed: /^(?:1|t|T|TRUE|true|True)$/.test(annotation(ALLOW_ANNOTATION) ?? ''),
    edits: [spec.edits, device.edits],
  };
}

function findDevices(all: readonly HostDevice[], wanted: string): readonly HostDevice[] {
  const [kind = '', ...rest] = wanted.split('=');
  const name = rest.join('=');
  const ofKind = all.filter((device) => device.kind === kind);
  const found =
    name === '' ? ofKind.slice(0, 1) : ofKind.filter((d) => name === '*' || d.name === wanted);
  return found.length > 0 ? found : all.filter(({ deviceClass }) => deviceClass === wanted);
}

async function readSpecs(directory: string, problems: string[]): Promise<CdiSpec[]> {
  let names: string[];
  try {
    names = readdirSync(directory).sort();
  } catch (error) {
    if (!hasCode(error, 'ENOENT', 'ENOTDIR')) problems.push(`${directory}: ${reason(error)}`);
    return [];
  }
  const specs: CdiSpec[] = [];
  for (const name of names.filter((each) => /\.(?:json|yaml)$/.test(each)).slice(0, MAX_SPECS)) {
    const path = join(directory, name);
    try {
      const { size } = statSync(path);
      if (size > MAX_SPEC_BYTES) throw new Error(`it is larger than ${MAX_SPEC_BYTES} bytes`);
      const result = readCdiSpec(await parse(readFileSync(path, 'utf8'), name), path);
      if (result.ok) specs.push(result.spec);
      else problems.push(`${path}: ${result.message}`);
    } catch (error) {
      problems.push(`${path}: ${reason(error)}`);
    }
  }
  return specs;
}

async function parse(text: string, name: string): Promise<unknown> {
  if (name.endsWith('.json')) {
    try {
      return JSON.parse(text);
    } catch {
      throw new Error('it is not JSON');
    }
  }
  const { parse: parseYaml } = await import('yaml');
  return parseYaml(text, { maxAliasCount: 100 });
}

function reason(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split('\n', 1)[0] ?? '';
}
