import { readFileCapped } from '../host/atomic-file.ts';
import { dockerConfigPath } from '../registry/docker-config-path.ts';
import { badConfig } from './errors.ts';

/** Proxies for steps, by the names that Docker has for them in its configuration. */
export type ProxySettings = Readonly<Partial<Record<ProxyKey, string>>>;

/** One of Docker's names. */
export type ProxyKey = keyof typeof VARIABLES;

const VARIABLES = {
  httpProxy: 'HTTP_PROXY',
  httpsProxy: 'HTTPS_PROXY',
  ftpProxy: 'FTP_PROXY',
  noProxy: 'NO_PROXY',
  allProxy: 'ALL_PROXY',
} as const;

/** All names, in the order of Docker's documentation. */
export const PROXY_KEYS: readonly ProxyKey[] = Object.keys(VARIABLES) as ProxyKey[];

const MAX_DOCKER_CONFIG_BYTES = 1024 * 1024;

/**
 * Adds the settings to the build arguments, as Docker's command does. What was given with `--build-arg`,
 * in either spelling, goes before.
 */
export function addProxyArguments(buildArgs: Map<string, string>, settings: ProxySettings): void {
  const given = new Set([...buildArgs.keys()].map((name) => name.toUpperCase()));
  for (const key of PROXY_KEYS) {
    const value = settings[key] ?? '';
    const name = VARIABLES[key];
    if (value !== '' && !given.has(name)) buildArgs.set(name, value);
  }
}

/**
 * `proxies.default` of Docker's configuration (DOCKER_CONFIG, else ~/.docker), which its command hands to
 * builds. Keys for single daemons do not concern us. Empty where there is no such file.
 * @throws BuildError CONFIG_INVALID, FILE_READ
 */
export function readDockerProxies(user: {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly homeDir: string;
}): ProxySettings {
  const path = dockerConfigPath(user);
  const bytes = readFileCapped(path, MAX_DOCKER_CONFIG_BYTES);
  if (bytes === undefined) return {};
  let json: unknown;
  try {
    json = JSON.parse(bytes.toString('utf8'));
  } catch {
    // The message of JSON.parse would show a piece of the file, which may hold passwords.
    throw badConfig(path, 'it is not JSON');
  }
  const settings = member(member(json, 'proxies'), 'default');
  return Object.fromEntries(
    PROXY_KEYS.flatMap((key) => {
      const value = member(settings, key);
      return isProxyValue(value) ? [[key, value]] : [];
    }),
  );
}

/** True for what can stand in a variable: text without control characters. */
export function isProxyValue(value: unknown): value is string {
  return typeof value === 'string' && !/[\u0000-\u001f\u007f]/.test(value);
}

function member(value: unknown, key: string): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, key)
    ? (value as Readonly<Record<string, unknown>>)[key]
    : undefined;
}
