import { BlockList, isIP } from 'node:net';
import { proxyUnusable } from './errors.ts';

/** A proxy that requests go through. */
export interface Proxy {
  /** `http:` or `https:`, without user name and password. */
  readonly url: URL;
  /** Value of Proxy-Authorization. For the proxy alone. */
  readonly authorization: string | undefined;
}

type Env = Readonly<Record<string, string | undefined>>;

/**
 * The proxy for a URL, as curl and Go programs choose it: HTTP_PROXY or HTTPS_PROXY by the URL's scheme,
 * unless NO_PROXY names its host. Each variable also counts in lower case. This machine is never asked
 * for through a proxy. @throws BuildError PROXY_UNUSABLE
 */
export function proxyFor(url: URL, env: Env): Proxy | undefined {
  const name = url.protocol === 'https:' ? 'HTTPS_PROXY' : 'HTTP_PROXY';
  const [variable, value] = setting(env, name);
  if (value === '' || isExempt(url, setting(env, 'NO_PROXY')[1])) return undefined;
  return parseProxy(value, variable);
}

/** The variable that counts and its value; the value is empty when there is none. */
function setting(env: Env, name: string): readonly [variable: string, value: string] {
  const lower = name.toLowerCase();
  for (const variable of [name, lower]) {
    const value = env[variable]?.trim() ?? '';
    if (value !== '') return [variable, value];
  }
  return [name, ''];
}

function parseProxy(value: string, variable: string): Proxy {
  let url: URL;
  try {
    url = new URL(/^[a-z][a-z\d+.-]*:\/\//i.test(value) ? value : `http://${value}`);
  } catch {
    throw proxyUnusable(variable, 'it is not a URL');
  }
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw proxyUnusable(variable, `"${url.protocol}//" is not a kind of proxy that can be used`);
  }
  const login = [url.username, url.password].map(decoded).join(':');
  const authorization =
    login === ':' ? undefined : `Basic ${Buffer.from(login).toString('base64')}`;
  return { url: new URL(url.origin), authorization };
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function isExempt(url: URL, noProxy: string): boolean {
  const host = url.hostname.replace(/^\[|\]$/g, '').toLowerCase();
  if (isThisMachine(host)) return true;
  const port = url.port === '' ? (url.protocol === 'https:' ? '443' : '80') : url.port;
  return noProxy
    .split(',')
    .map((entry) => entry.trim().toLowerCase())
    .some((entry) => entry !== '' && matches(entry, host, port));
}

function isThisMachine(host: string): boolean {
  return host === 'localhost' || host === '::1' || (isIP(host) === 4 && host.startsWith('127.'));
}

/** One entry of NO_PROXY: `*`, an address, a range `10.0.0.0/8`, or a name, which stands for all below it too. */
function matches(entry: string, host: string, port: string): boolean {
  if (entry === '*') return true;
  if (entry.includes('/')) return isInRange(entry, host);
  const [, bracketed, plain, wantedPort] =
    /^(?:\[([^\]]*)\]|([^:]*|.*:.*:.*?))(?::(\d+))?$/.exec(entry) ?? [];
  if (wantedPort !== undefined && wantedPort !== port) return false;
  const name = bracketed ?? plain ?? '';
  if (name === '') return false;
  if (isIP(name) !== 0 || isIP(host) !== 0) return name === host;
  const domain = name.replace(/^\*?\./, '');
  // With a leading dot, an entry means what is below the name and not the name itself.
  return host.endsWith(`.${domain}`) || (domain === name && host === domain);
}

function isInRange(entry: string, host: string): boolean {
  const [network = '', length = ''] = entry.split('/');
  const family = isIP(network);
  const bits = Number(length);
  const isRange = family !== 0 && /^\d{1,3}$/.test(length) && bits <= (family === 4 ? 32 : 128);
  if (!isRange || isIP(host) !== family) return false;
  const list = new BlockList();
  list.addSubnet(network, bits, family === 4 ? 'ipv4' : 'ipv6');
  return list.check(host, family === 4 ? 'ipv4' : 'ipv6');
}
