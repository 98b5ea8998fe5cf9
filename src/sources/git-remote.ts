import { gitTreeRefused } from './errors.ts';
import { withoutCredentials } from './shown-url.ts';

/** A repository elsewhere, and how it is spoken to. */
export interface GitRemote {
  /** What git gets: no password in it. */
  readonly url: string;
  /** The one protocol that may be used. */
  readonly protocol: 'https' | 'http' | 'ssh' | 'git';
  /** Scheme, host and port of HTTP remotes; empty for others. */
  readonly origin: string;
  /** Host and port, as secrets name it. */
  readonly host: string;
  /** Value of the Authorization header for `origin`. */
  readonly authorization: string | undefined;
}

/** Value of a secret of the build, by its id. */
export type SecretReader = (id: string) => Uint8Array | undefined;

const SCP_FORM = /^(?:([\w][\w.-]*)@)?([\w][\w.-]*):(?!\/\/)(.*)$/;
/** What no address holds, and what could become an option or a second line. */
const FORBIDDEN = /[\u0000-\u0020\u007f"\\^`{|}<>]/;

/**
 * Reads the address of a repository. User and password in it become a header for its origin alone, as
 * do the secrets GIT_AUTH_TOKEN and GIT_AUTH_HEADER, of which one with `.host` at its end goes before.
 * @throws BuildError GIT_TREE_REFUSED for addresses that only an attack has
 */
export function openRemote(address: string, secret: SecretReader): GitRemote {
  if (FORBIDDEN.test(address)) throw gitTreeRefused(address, 'the address holds odd characters');
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(address)?.[1]?.toLowerCase();
  if (scheme === undefined) return scpRemote(address);
  if (scheme !== 'https' && scheme !== 'http' && scheme !== 'ssh' && scheme !== 'git') {
    throw gitTreeRefused(address, `the scheme "${scheme}" is not allowed`);
  }
  const url = URL.canParse(address) ? new URL(address) : undefined;
  if (url === undefined || url.hostname === '' || url.hostname.startsWith('-')) {
    throw gitTreeRefused(address, 'it names no host');
  }
  if (url.username.startsWith('-')) throw gitTreeRefused(address, 'it names no user');
  const { host } = url;
  if (scheme === 'ssh' || scheme === 'git') {
    url.password = '';
    return { url: url.href, protocol: scheme, origin: '', host, authorization: undefined };
  }
  const authorization = ownAuthorization(url) ?? secretAuthorization(url.host, secret);
  url.username = '';
  url.password = '';
  return { url: url.href, protocol: scheme, origin: url.origin, host, authorization };
}

function scpRemote(address: string): GitRemote {
  const [, , host = '', path = ''] = SCP_FORM.exec(address) ?? [];
  if (host === '' || /^(?:$|[-:])/.test(path)) {
    throw gitTreeRefused(address, 'it is no address of a repository');
  }
  return { url: address, protocol: 'ssh', origin: '', host, authorization: undefined };
}

function ownAuthorization({ username, password }: URL): string | undefined {
  if (username === '' && password === '') return undefined;
  const plain = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return `Basic ${Buffer.from(plain).toString('base64')}`;
}

function secretAuthorization(host: string, secret: SecretReader): string | undefined {
  const find = (name: string): string | undefined => {
    const bytes = secret(`${name}.${host}`) ?? secret(name);
    return bytes === undefined ? undefined : Buffer.from(bytes).toString('utf8').trim();
  };
  const header = find('GIT_AUTH_HEADER');
  if (header !== undefined) return oneLine(header);
  const token = find('GIT_AUTH_TOKEN');
  if (token === undefined) return undefined;
  return `Basic ${Buffer.from(`x-access-token:${token}`).toString('base64')}`;
}

/** A second line would be a second header. */
function oneLine(text: string): string {
  return text.replace(/[\r\n].*$/s, '');
}

/**
 * The address of a submodule as `.gitmodules` has it: relative ones start at the repository's own. What
 * the parent was given to log in with goes to the same origin only: the author of a repository does not
 * choose who is told a secret, so that elsewhere only one with the name of that host counts.
 */
export function submoduleRemote(
  parent: GitRemote,
  address: string,
  secret: SecretReader,
): GitRemote {
  const isRelative = address.startsWith('./') || address.startsWith('../');
  const whole = isRelative ? joinAddress(parent.url, address) : address;
  const ofHost: SecretReader = (id) => (id.includes('.') ? secret(id) : undefined);
  const isElsewhere = openRemote(whole, () => undefined).origin !== parent.origin;
  const remote = openRemote(whole, isElsewhere ? ofHost : secret);
  if (remote.authorization !== undefined || remote.origin === '') return remote;
  return remote.origin === parent.origin
    ? { ...remote, authorization: parent.authorization }
    : remote;
}

/** What follows the host changes and nothing else, however many `../` there are. */
function joinAddress(base: string, relative: string): string {
  const root = /^[a-z][a-z0-9+.-]*:\/\/[^/]*\/?|^[^:/]*:\/?/i.exec(base)?.[0] ?? '';
  const parts = base
    .slice(root.length)
    .split('/')
    .filter((part) => part !== '');
  for (const part of relative.split('/')) {
    if (part === '..') {
      if (parts.pop() === undefined) {
        throw gitTreeRefused(base, `the submodule "${relative}" lies above the host`);
      }
    } else if (part !== '.' && part !== '') parts.push(part);
  }
  return root + parts.join('/');
}

/** The address as it may be shown and kept. */
export function shownRemote({ url }: Pick<GitRemote, 'url'>): string {
  return withoutCredentials(url);
}
