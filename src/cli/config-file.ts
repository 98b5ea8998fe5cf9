import { readFileSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';
import { HOST_AUTHORITIES } from '../http/certificate-options.ts';
import { nearest } from '../core/suggest.ts';
import type { RegistriesConfig } from '../build/open-host.ts';
import type { TidyPolicy } from '../build/tidy-policy.ts';
import type { MountChoice } from '../snapshot/choose-mounter.ts';
import { badConfig } from './errors.ts';
import { isProxyValue, PROXY_KEYS, type ProxySettings } from './proxy-settings.ts';
import { parseSize } from './prune-values.ts';
import { isRootUser, type UserIdentity } from './user-identity.ts';

/** What the configuration file may say. All of it is optional. */
export interface ConfigFile {
  /** Directory of the store, absolute. */
  readonly root?: string | undefined;
  readonly registries: RegistriesConfig;
  /** How the store keeps within its bound. */
  readonly gc?: TidyPolicy | undefined;
  /** `ca-certs`: authorities to trust, here and in steps. Absolute paths, or `host`. */
  readonly caCerts: readonly string[];
  /** Proxies for steps; undefined: those that Docker's configuration has. */
  readonly proxies?: ProxySettings | undefined;
  /** `network.require-isolation`: fail where steps cannot have a network of their own. */
  readonly requiresIsolatedNetwork: boolean;
  /** How files are shown to steps. */
  readonly snapshotter?: MountChoice | undefined;
  /** `cdi-spec-dirs`: directories of device descriptions. */
  readonly cdiDirectories?: readonly string[] | undefined;
  /** Steps at the same time. */
  readonly jobs?: number | undefined;
}

/** How the store keeps within its bound when the file says nothing. */
export const DEFAULT_GC: TidyPolicy = { isEnabled: true, maxBytes: undefined };

/** Steps at the same time that are still taken for meant. */
export const MAX_JOBS = 1024;
/** A larger file is not a configuration. */
const MAX_CONFIG_CHARS = 1024 * 1024;

/**
 * Reads STAGECRAFT_CONFIG, else the file of the system (root) or of the user. The named file has to be
 * there; the others may be missing.
 * @throws BuildError CONFIG_INVALID
 */
export function readConfigFile(user: UserIdentity): ConfigFile {
  const path = configFilePath(user);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : String(error);
    const isMissing = code === 'ENOENT' || code === 'ENOTDIR';
    if (isMissing && path !== user.env['STAGECRAFT_CONFIG'])
      return { registries: {}, caCerts: [], requiresIsolatedNetwork: false };
    throw badConfig(path, isMissing ? 'there is no such file' : code);
  }
  if (text.length > MAX_CONFIG_CHARS) throw badConfig(path, 'it is larger than 1 MiB');
  return parseConfigFile(text, path);
}

/** Checks every key, so that a misspelt one is not passed over. @throws BuildError CONFIG_INVALID */
export function parseConfigFile(text: string, path: string): ConfigFile {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (error) {
    throw badConfig(path, error instanceof Error ? error.message : 'it is not JSON');
  }
  const reader = new ConfigReader(path);
  const top = reader.object(json, '', [
    'root',
    'registries',
    'ca-certs',
    'proxies',
    'network',
    'jobs',
    'gc',
    'snapshotter',
    'cdi-spec-dirs',
  ]);
  return {
    root: reader.optional(top['root'], (value) => reader.absolutePath(value, 'root')),
    registries: reader.registries(top['registries'] ?? {}),
    caCerts: reader.caCerts(top['ca-certs'] ?? []),
    proxies: reader.optional(top['proxies'], (value) => reader.proxies(value)),
    requiresIsolatedNetwork: reader.requiresIsolation(top['network'] ?? {}),
    jobs: reader.optional(top['jobs'], (value) => reader.jobs(value)),
    snapshotter: reader.optional(top['snapshotter'], (value) => reader.snapshotter(value)),
    cdiDirectories: reader.optional(top['cdi-spec-dirs'], (value) => reader.directories(value)),
    gc: reader.optional(top['gc'], (value) => reader.gc(value)),
  };
}

/** Where the configuration is, or would be. */
export function configFilePath(user: UserIdentity): string {
  const named = user.env['STAGECRAFT_CONFIG'];
  return named === undefined || named === '' ? defaultPath(user) : named;
}

function defaultPath(user: UserIdentity): string {
  if (isRootUser(user)) return '/etc/stagecraft/config.json';
  const base = user.env['XDG_CONFIG_HOME'];
  const directory = base === undefined || !isAbsolute(base) ? join(user.homeDir, '.config') : base;
  return join(directory, 'stagecraft', 'config.json');
}

class ConfigReader {
  readonly #path: string;

  constructor(path: string) {
    this.#path = path;
  }

  optional<T>(value: unknown, read: (value: unknown) => T): T | undefined {
    return value === undefined ? undefined : read(value);
  }

  /** An object with none but the given keys; undefined keys allow any. */
  object(
    value: unknown,
    where: string,
    keys: readonly string[] | undefined,
  ): Readonly<Record<string, unknown>> {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      throw this.#bad(where, 'must be an object');
    }
    for (const key of Object.keys(value)) {
      if (keys === undefined || keys.includes(key)) continue;
      const meant = nearest(key, keys);
      const hint = meant === undefined ? undefined : `Did you mean "${meant}"?`;
      throw badConfig(this.#path, `unknown key "${joined(where, key)}"`, hint);
    }
    return value as Readonly<Record<string, unknown>>;
  }

  absolutePath(value: unknown, where: string): string {
    if (typeof value === 'string' && isAbsolute(value)) return value;
    throw this.#bad(where, 'must be an absolute path');
  }

  directories(value: unknown): string[] {
    if (!Array.isArray(value)) throw this.#bad('cdi-spec-dirs', 'must be a list of directories');
    return value.map((each) => this.absolutePath(each, 'cdi-spec-dirs'));
  }

  jobs(value: unknown): number {
    const isGood = Number.isInteger(value) && Number(value) >= 1 && Number(value) <= MAX_JOBS;
    if (!isGood) throw this.#bad('jobs', `must be a whole number from 1 to ${String(MAX_JOBS)}`);
    return Number(value);
  }

  snapshotter(value: unknown): MountChoice {
    if (value === 'auto' || value === 'overlay' || value === 'copy') return value;
    throw this.#bad('snapshotter', 'must be "auto", "overlay" or "copy"');
  }

  /** `{ "enabled": true, "max-storage": "20GB" }` */
  gc(value: unknown): TidyPolicy {
    const { enabled = true, 'max-storage': size } = this.object(value, 'gc', [
      'enabled',
      'max-storage',
    ]);
    if (typeof enabled !== 'boolean') throw this.#bad('gc.enabled', 'must be true or false');
    if (size === undefined) return { isEnabled: enabled, maxBytes: undefined };
    const maxBytes = typeof size === 'string' ? parseSize(size) : undefined;
    if (maxBytes === undefined) {
      throw this.#bad('gc.max-storage', 'must be a size such as "20GB"');
    }
    return { isEnabled: enabled, maxBytes };
  }

  registries(value: unknown): RegistriesConfig {
    const hosts = Object.entries(this.object(value, 'registries', undefined));
    return Object.fromEntries(
      hosts.map(([host, settings]) => {
        const where = `registries.${host}`;
        const { mirrors, insecure } = this.object(settings, where, ['mirrors', 'insecure']);
        if (insecure !== undefined && typeof insecure !== 'boolean') {
          throw this.#bad(`${where}.insecure`, 'must be true or false');
        }
        return [
          host,
          { insecure, mirrors: this.optional(mirrors, (list) => this.#hosts(list, where)) },
        ];
      }),
    );
  }

  proxies(value: unknown): ProxySettings {
    const settings = this.object(value, 'proxies', PROXY_KEYS);
    for (const [key, each] of Object.entries(settings)) {
      // Without the value, which may hold a password.
      if (!isProxyValue(each)) throw this.#bad(`proxies.${key}`, 'must be a text on one line');
    }
    return settings;
  }

  requiresIsolation(value: unknown): boolean {
    const key = 'require-isolation';
    const { [key]: required = false } = this.object(value, 'network', [key]);
    if (typeof required !== 'boolean') throw this.#bad(`network.${key}`, 'must be true or false');
    return required;
  }

  caCerts(value: unknown): readonly string[] {
    const isGood =
      Array.isArray(value) &&
      value.every(
        (each) => typeof each === 'string' && (each === HOST_AUTHORITIES || isAbsolute(each)),
      );
    if (!isGood) throw this.#bad('ca-certs', 'must be a list of absolute paths, or "host"');
    return value as readonly string[];
  }

  #hosts(value: unknown, where: string): readonly string[] {
    const isGood =
      Array.isArray(value) && value.every((host) => typeof host === 'string' && host !== '');
    if (!isGood) throw this.#bad(`${where}.mirrors`, 'must be a list of host names');
    return value as readonly string[];
  }

  #bad(where: string, rule: string): Error {
    return badConfig(this.#path, `${where === '' ? 'it' : `"${where}"`} ${rule}`);
  }
}

function joined(where: string, key: string): string {
  return where === '' ? key : `${where}.${key}`;
}
