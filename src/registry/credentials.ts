import { readFileCapped } from '../host/atomic-file.ts';
import { CLEAN_ENV, findProgram, runProcess, shownOutput } from '../host/child-process.ts';
import { dockerConfigPath } from './docker-config-path.ts';
import { credentialsUnusable } from './errors.ts';

/** What proves who we are at one registry. */
export type Credentials = (
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  /** A refresh token of the registry's own service (OAuth 2). */
  | { readonly kind: 'identity-token'; readonly token: string }
) & {
  /** Where they are kept, for messages: a path or the name of a program. */
  readonly source: string;
};

/** Finds credentials. */
export interface CredentialStore {
  /**
   * The credentials kept for exactly this registry host (and port), or undefined when there are none.
   * @throws BuildError CREDENTIALS_UNUSABLE
   */
  find(registry: string, signal: AbortSignal): Promise<Credentials | undefined>;
}

const MAX_CONFIG_BYTES = 4 * 1024 * 1024;
const MAX_HELPER_OUTPUT_BYTES = 1024 * 1024;
const HUB_KEYS: readonly string[] = [
  'https://index.docker.io/v1/',
  'https://index.docker.io/v1',
  'index.docker.io',
  'docker.io',
  'registry-1.docker.io',
];

/**
 * Credentials as Docker keeps them: `auths`, `credsStore` and `credHelpers` of `config.json` in
 * DOCKER_CONFIG or ~/.docker; then the same in REGISTRY_AUTH_FILE (podman). Nothing is ever written.
 */
export function createCredentialStore(options: {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly homeDir: string;
}): CredentialStore {
  const { env, homeDir } = options;
  let configs: readonly DockerConfig[] | undefined;

  return {
    async find(registry, signal) {
      configs ??= configPaths(env, homeDir).flatMap((path) => readConfig(path) ?? []);
      for (const config of configs) {
        const found = await findIn(config, registry, env, signal);
        if (found !== undefined) return found;
      }
      return undefined;
    },
  };
}

interface DockerConfig {
  readonly path: string;
  readonly auths: Readonly<Record<string, unknown>>;
  readonly helpers: Readonly<Record<string, unknown>>;
  readonly store: unknown;
}

function configPaths(
  env: Readonly<Record<string, string | undefined>>,
  homeDir: string,
): readonly string[] {
  const docker = dockerConfigPath({ env, homeDir });
  const podman = env['REGISTRY_AUTH_FILE'];
  return podman === undefined || podman === '' ? [docker] : [docker, podman];
}

function readConfig(path: string): DockerConfig | undefined {
  const bytes = readFileCapped(path, MAX_CONFIG_BYTES);
  if (bytes === undefined) return undefined;
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch {
    // The message of JSON.parse would show a piece of the file.
    throw credentialsUnusable(`"${path}"`, 'it is not JSON');
  }
  const top = asObject(json);
  if (top === undefined) throw credentialsUnusable(`"${path}"`, 'it is not a JSON object');
  return {
    path,
    auths: asObject(top['auths']) ?? {},
    helpers: asObject(top['credHelpers']) ?? {},
    store: top['credsStore'],
  };
}

/** Keys are compared whole: credentials for one port or host never go to another. */
async function findIn(
  config: DockerConfig,
  registry: string,
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<Credentials | undefined> {
  const keys = keysOf(registry);
  const helperKey = keys.find((key) => Object.hasOwn(config.helpers, key));
  const helper = helperKey === undefined ? config.store : config.helpers[helperKey];
  if (typeof helper === 'string' && helper !== '') {
    const serverUrl = helperKey ?? keys[0] ?? registry;
    const found = await askHelper(helper, serverUrl, env, signal);
    if (found !== undefined || helperKey !== undefined) return found;
  }
  const key = Object.keys(config.auths).find((candidate) => keys.includes(hostOf(candidate)));
  const entry = key === undefined ? undefined : asObject(config.auths[key]);
  return entry === undefined ? undefined : readEntry(entry, config.path, registry);
}

function keysOf(registry: string): readonly string[] {
  return registry === 'docker.io' ? HUB_KEYS : [registry];
}

/** Old clients wrote keys as URLs. */
function hostOf(key: string): string {
  if (HUB_KEYS.includes(key)) return key;
  return key.replace(/^https?:\/\//, '').replace(/\/(?:v[12]\/?)?$/, '');
}

function readEntry(
  entry: Readonly<Record<string, unknown>>,
  path: string,
  registry: string,
): Credentials | undefined {
  const token = entry['identitytoken'];
  if (typeof token === 'string' && token !== '')
    return { kind: 'identity-token', token, source: path };
  const { auth, username, password } = entry;
  if (typeof auth === 'string' && auth !== '') {
    const text = Buffer.from(auth, 'base64').toString('utf8');
    const colon = text.indexOf(':');
    if (colon < 1) {
      throw credentialsUnusable(`"${path}"`, `"auth" of "${registry}" is not a name and password`);
    }
    // Docker pads some of them with NUL.
    const secret = text.slice(colon + 1).replace(/\0+$/, '');
    return { kind: 'password', username: text.slice(0, colon), password: secret, source: path };
  }
  if (typeof username !== 'string' || typeof password !== 'string') return undefined;
  return { kind: 'password', username, password, source: path };
}

/** docker-credential-helpers: `get` reads the server's name and writes JSON. */
async function askHelper(
  name: string,
  serverUrl: string,
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<Credentials | undefined> {
  const program = `docker-credential-${name}`;
  const isPlainName = /^[\w.-]+$/.test(name);
  const path = isPlainName
    ? findProgram(program, env['PATH'] ?? CLEAN_ENV['PATH'] ?? '')
    : undefined;
  if (path === undefined) {
    const hint = `Install it, or remove "${name}" from config.json.`;
    throw credentialsUnusable(`"${program}"`, 'there is no such program', hint);
  }
  const output = await runProcess(
    {
      program: path,
      args: ['get'],
      // Such programs talk to the user's key ring, and need the user's environment for that.
      env: definedOnly(env),
      input: serverUrl,
      maxOutputBytes: MAX_HELPER_OUTPUT_BYTES,
    },
    signal,
  );
  if (output.status !== 0) {
    const text = `${output.stdout.toString('utf8')} ${output.stderr.toString('utf8')}`;
    if (
      /credentials not found|no credentials server URL|not found in (?:native )?keychain/i.test(
        text,
      )
    ) {
      return undefined;
    }
    throw credentialsUnusable(`"${program}"`, `it failed: ${shownOutput(text)}`);
  }
  return readHelperAnswer(output.stdout, program);
}

function readHelperAnswer(stdout: Buffer, program: string): Credentials | undefined {
  let answer: Readonly<Record<string, unknown>> | undefined;
  try {
    answer = asObject(JSON.parse(stdout.toString('utf8')));
  } catch {
    answer = undefined;
  }
  const { Username: username, Secret: secret } = answer ?? {};
  if (typeof username !== 'string' || typeof secret !== 'string') {
    throw credentialsUnusable(`"${program}"`, 'its answer has no "Username" and "Secret"');
  }
  if (username === '' && secret === '') return undefined;
  return username === '<token>'
    ? { kind: 'identity-token', token: secret, source: program }
    : { kind: 'password', username, password: secret, source: program };
}

function definedOnly(env: Readonly<Record<string, string | undefined>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(env).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
  );
}

function asObject(value: unknown): Readonly<Record<string, unknown>> | undefined {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? (value as Readonly<Record<string, unknown>>) : undefined;
}
