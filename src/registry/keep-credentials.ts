import { mkdirSync, realpathSync } from 'node:fs';
import { dirname } from 'node:path';
import { readFileCapped, writeFileAtomic } from '../host/atomic-file.ts';
import { CLEAN_ENV, findProgram, runProcess, shownOutput } from '../host/child-process.ts';
import { dockerConfigPath } from './docker-config-path.ts';
import { credentialsUnusable } from './errors.ts';

/** Where credentials are kept. */
export interface KeepOptions {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly homeDir: string;
}

type Json = Readonly<Record<string, unknown>>;

const MAX_CONFIG_BYTES = 4 * 1024 * 1024;
const HUB_KEY = 'https://index.docker.io/v1/';

/**
 * Keeps a name and password as Docker does: with the program that `credHelpers` or `credsStore` names,
 * else in `auths` of `config.json`, whose other fields stay. Resolves to what keeps them, for messages.
 * @throws BuildError CREDENTIALS_UNUSABLE, FILE_WRITE
 */
export async function keepCredentials(
  registry: string,
  { username, password }: { readonly username: string; readonly password: string },
  options: KeepOptions,
  signal: AbortSignal,
): Promise<string> {
  const { path, config, key, helper } = open(registry, options);
  if (helper !== undefined) {
    const secret = JSON.stringify({ ServerURL: key, Username: username, Secret: password });
    await runHelper(helper, 'store', secret, options.env, signal);
    return `docker-credential-${helper}`;
  }
  const auth = Buffer.from(`${username}:${password}`).toString('base64');
  write(path, { ...config, auths: { ...asObject(config['auths']), [key]: { auth } } });
  return path;
}

/**
 * Forgets what is kept for a registry. Resolves to whether there was something in `config.json`; programs
 * do not say. @throws BuildError CREDENTIALS_UNUSABLE, FILE_WRITE
 */
export async function forgetCredentials(
  registry: string,
  options: KeepOptions,
  signal: AbortSignal,
): Promise<boolean> {
  const { path, config, key, helper } = open(registry, options);
  if (helper !== undefined) await runHelper(helper, 'erase', key, options.env, signal);
  const auths = asObject(config['auths']);
  if (!Object.hasOwn(auths, key)) return helper !== undefined;
  const kept = Object.fromEntries(Object.entries(auths).filter(([name]) => name !== key));
  write(path, { ...config, auths: kept });
  return true;
}

function open(registry: string, { env, homeDir }: KeepOptions) {
  const path = dockerConfigPath({ env, homeDir });
  const config = readConfig(path);
  const key = registry === 'docker.io' ? HUB_KEY : registry;
  const helper = asObject(config['credHelpers'])[key] ?? config['credsStore'];
  return {
    path,
    config,
    key,
    helper: typeof helper === 'string' && helper !== '' ? helper : undefined,
  };
}

function readConfig(path: string): Json {
  const bytes = readFileCapped(path, MAX_CONFIG_BYTES);
  if (bytes === undefined) return {};
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch {
    // The message of JSON.parse would show a piece of the file.
    throw credentialsUnusable(`"${path}"`, 'it is not JSON');
  }
  if (typeof json === 'object' && json !== null && !Array.isArray(json)) return json as Json;
  throw credentialsUnusable(`"${path}"`, 'it is not a JSON object');
}

function write(path: string, config: Json): void {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  let target = path;
  try {
    // The file may be a link to where the user keeps such files.
    target = realpathSync(path);
  } catch {
    // There is none yet.
  }
  writeFileAtomic(target, `${JSON.stringify(config, undefined, '\t')}\n`);
}

/** docker-credential-helpers. What it prints may hold the secret only where it is broken; it is capped. */
async function runHelper(
  name: string,
  word: 'store' | 'erase',
  input: string,
  env: Readonly<Record<string, string | undefined>>,
  signal: AbortSignal,
): Promise<void> {
  const program = `docker-credential-${name}`;
  const path = /^[\w.-]+$/.test(name)
    ? findProgram(program, env['PATH'] ?? CLEAN_ENV['PATH'] ?? '')
    : undefined;
  if (path === undefined) {
    const hint = `Install it, or remove "${name}" from config.json.`;
    throw credentialsUnusable(`"${program}"`, 'there is no such program', hint);
  }
  const known = Object.entries(env).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, value] as const],
  );
  const request = { program: path, args: [word], env: Object.fromEntries(known), input };
  const output = await runProcess(request, signal);
  if (output.status === 0) return;
  const said = word === 'erase' ? `: ${shownOutput(output.stderr.toString('utf8'))}` : '';
  throw credentialsUnusable(`"${program}"`, `it cannot ${word} them${said}`);
}

function asObject(value: unknown): Json {
  const isObject = typeof value === 'object' && value !== null && !Array.isArray(value);
  return isObject ? (value as Json) : {};
}
