import { ipVersion } from '../core/ip-address.ts';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Entitlement, FailureExport, SecretSource } from '../build/request.ts';
import { formatPlatform, type Platform } from '../core/platform.ts';
import type { SshSource } from '../exec/ssh-agents.ts';
import { csvFields } from '../dockerfile/csv-fields.ts';
import { parseByteSize } from '../dockerfile/go-values.ts';
import { HOST_AUTHORITIES } from '../http/certificate-options.ts';
import type { ExtraHost } from '../ops/op.ts';
import { MAX_JOBS } from './config-file.ts';
import { badFlagValue } from './errors.ts';
import { readPlatform } from './platform-flag.ts';

/** Readers of the values that flags of `build` have. All throw BuildError FLAG_VALUE_INVALID. */

type Environment = Readonly<Record<string, string | undefined>>;

const DEFAULT_SHM_BYTES = 64 * 1024 * 1024;

/** `--build-arg NAME=value`; `NAME` alone takes it from the environment, and is left out when it is not there. */
export function readBuildArgs(values: readonly string[], env: Environment): Map<string, string> {
  const args = new Map<string, string>();
  for (const text of values) {
    const equals = text.indexOf('=');
    const name = equals === -1 ? text : text.slice(0, equals);
    if (name === '') throw badFlagValue('--build-arg', text, 'expected NAME=value');
    const value = equals === -1 ? env[name] : text.slice(equals + 1);
    if (value !== undefined) args.set(name, value);
  }
  return args;
}

/** `NAME=value` pairs of a flag; without `=` the value is empty when that is allowed. */
export function readPairs(
  flag: string,
  values: readonly string[],
  isValueOptional: boolean,
): Map<string, string> {
  const pairs = new Map<string, string>();
  for (const text of values) {
    const equals = text.indexOf('=');
    const name = equals === -1 ? text : text.slice(0, equals);
    if (name === '' || (equals === -1 && !isValueOptional)) {
      throw badFlagValue(flag, text, 'expected NAME=value');
    }
    pairs.set(name, equals === -1 ? '' : text.slice(equals + 1));
  }
  return pairs;
}

/** `--platform linux/amd64,linux/arm64`, each once, in order. */
export function readPlatforms(values: readonly string[], arch: string): Platform[] {
  const platforms = splitLists('--platform', values).map((text) => readPlatform(text, arch));
  // Two spellings may be one platform.
  return [...new Map(platforms.map((each) => [formatPlatform(each), each])).values()];
}

/** Lists separated by commas, joined, without empty ones and doubles. */
export function splitLists(flag: string, values: readonly string[]): string[] {
  const words = values.flatMap((value) => {
    const list = value.split(',').map((word) => word.trim());
    if (list.includes('')) throw badFlagValue(flag, value, 'it has an empty part');
    return list;
  });
  return [...new Set(words)];
}

/** `name:address`, `name=address`, several addresses between commas, version 6 in brackets or not. */
export function readExtraHosts(values: readonly string[]): ExtraHost[] {
  return values.flatMap((text) => {
    const at = text.includes('=') ? text.indexOf('=') : text.indexOf(':');
    const host = text.slice(0, Math.max(at, 0));
    if (host === '' || /\s/.test(host)) {
      throw badFlagValue('--add-host', text, 'expected NAME:ADDRESS');
    }
    return text
      .slice(at + 1)
      .split(',')
      .map((written) => {
        const address = /^\[.*\]$/.test(written) ? written.slice(1, -1) : written;
        if (ipVersion(address) === 0) {
          const hint =
            written === 'host-gateway'
              ? 'With --network=host, this machine is 127.0.0.1; steps with a network of their own do not reach it'
              : undefined;
          throw badFlagValue('--add-host', text, `"${written}" is not an IP address`, hint);
        }
        return { host, address };
      });
  });
}

/** `--ca-cert`: files, made absolute, or `host`. */
export function readCaCerts(values: readonly string[], cwd: string): string[] {
  return values.map((value) => {
    if (value === HOST_AUTHORITIES) return value;
    const path = resolve(cwd, value);
    if (value === '' || !existsSync(path)) {
      throw badFlagValue('--ca-cert', value, 'there is no such file');
    }
    return path;
  });
}

/** Bytes of `--shm-size`. */
export function readShmSize(text: string | undefined): number {
  if (text === undefined) return DEFAULT_SHM_BYTES;
  const bytes = parseByteSize(text);
  if (bytes === undefined || bytes === 0) {
    throw badFlagValue('--shm-size', text, 'expected a size such as "64m"');
  }
  return bytes;
}

/** `--jobs`, a whole number from 1. */
export function readJobs(text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const jobs = /^\d{1,6}$/.test(text) ? Number(text) : 0;
  if (jobs < 1 || jobs > MAX_JOBS) {
    throw badFlagValue('--jobs', text, `expected a whole number from 1 to ${String(MAX_JOBS)}`);
  }
  return jobs;
}

/**
 * `id=NAME[,src=PATH|,env=VARIABLE][,type=file|env]`. With neither, the environment variable of that
 * name, else the file of that name, as buildx does.
 */
export function readSecrets(
  values: readonly string[],
  env: Environment,
  cwd: string,
): Map<string, SecretSource> {
  return new Map(values.map((text) => readSecret(text, env, cwd)));
}

function readSecret(text: string, env: Environment, cwd: string): [string, SecretSource] {
  const parsed = csvFields(text);
  if (!parsed.ok) throw badFlagValue('--secret', text, parsed.message);
  const fields = readPairs('--secret', parsed.fields, false);
  const { id, src, variable, type } = secretFields(text, fields);
  const named = variable ?? (type === 'env' ? (src ?? id) : undefined);
  if (named !== undefined) {
    const value = env[named];
    if (value === undefined) {
      throw badFlagValue('--secret', text, `the environment has no variable "${named}"`);
    }
    return [id, { kind: 'value', bytes: Buffer.from(value) }];
  }
  const implied = src === undefined && type === undefined ? env[id] : undefined;
  if (implied !== undefined) return [id, { kind: 'value', bytes: Buffer.from(implied) }];
  return [id, { kind: 'file', path: resolve(cwd, src ?? id) }];
}

function secretFields(
  text: string,
  fields: ReadonlyMap<string, string>,
): {
  id: string;
  src?: string | undefined;
  variable?: string | undefined;
  type?: string | undefined;
} {
  for (const name of fields.keys()) {
    if (!['id', 'src', 'source', 'env', 'type'].includes(name)) {
      throw badFlagValue('--secret', text, `unknown key "${name}"`);
    }
  }
  const id = fields.get('id');
  const type = fields.get('type');
  const src = fields.get('src') ?? fields.get('source');
  const variable = fields.get('env');
  if (id === undefined || id === '') throw badFlagValue('--secret', text, '"id" is missing');
  if (type !== undefined && type !== 'file' && type !== 'env') {
    throw badFlagValue('--secret', text, `type "${type}" is neither "file" nor "env"`);
  }
  if (src !== undefined && variable !== undefined) {
    throw badFlagValue('--secret', text, 'it names both a file and a variable');
  }
  return { id, src, variable, type };
}

/**
 * `default` or `id`, the agent that SSH_AUTH_SOCK names; `id=SOCKET` or `id=KEY[,KEY…]`, as in buildx.
 */
export function readSshSources(
  values: readonly string[],
  env: Environment,
  cwd: string,
): Map<string, SshSource> {
  return new Map(
    values.map((text): [string, SshSource] => {
      const equals = text.indexOf('=');
      const id = equals === -1 ? text : text.slice(0, equals);
      if (id === '') throw badFlagValue('--ssh', text, 'expected default or ID[=SOCKET|KEY]');
      const paths = equals === -1 ? '' : text.slice(equals + 1);
      if (paths !== '') return [id, paths.split(',').map((path) => resolve(cwd, path))];
      const socket = env['SSH_AUTH_SOCK'] ?? '';
      if (socket === '') {
        throw badFlagValue('--ssh', text, 'the environment has no variable "SSH_AUTH_SOCK"');
      }
      return [id, [resolve(cwd, socket)]];
    }),
  );
}

const ENTITLEMENTS: readonly Entitlement[] = ['network.host', 'security.insecure', 'device'];

/** `--allow`. */
export function readEntitlements(values: readonly string[]): Set<Entitlement> {
  return new Set(
    values.map((text) => {
      const found = ENTITLEMENTS.find((name) => name === text);
      if (found !== undefined) return found;
      if (isDeviceGrant(text)) return text;
      throw badFlagValue('--allow', text, `expected ${ENTITLEMENTS.join(', ')} or device=NAME`);
    }),
  );
}

function isDeviceGrant(text: string): text is `device=${string}` {
  return /^device=[^,=]+(?:=[^,]*)?(?:,alias=[^,]+)?$/.test(text);
}

/** `--export-on-error dest=DIR[,path=PATH]`. */
export function readFailureExport(text: string): FailureExport {
  const flag = '--export-on-error';
  const parsed = csvFields(text);
  if (!parsed.ok) throw badFlagValue(flag, text, parsed.message);
  const fields = readPairs(flag, parsed.fields, false);
  for (const name of fields.keys()) {
    if (name !== 'dest' && name !== 'path') throw badFlagValue(flag, text, `unknown key "${name}"`);
  }
  const dest = fields.get('dest') ?? '';
  if (dest === '') throw badFlagValue(flag, text, '"dest" is missing');
  const path = fields.get('path');
  if (path === '') throw badFlagValue(flag, text, '"path" is empty');
  return { dest, path };
}
