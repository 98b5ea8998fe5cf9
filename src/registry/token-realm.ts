import { ipVersion } from '../core/ip-address.ts';

/** What may be sent to the token service that a registry names. */
export type RealmTrust =
  | { readonly kind: 'refused'; readonly reason: string }
  /** A token without credentials. */
  | { readonly kind: 'anonymous' }
  | { readonly kind: 'credentials' };

/** Token services on a host that its registry's name does not tell. */
const KNOWN_REALMS: Readonly<Record<string, string>> = { 'docker.io': 'auth.docker.io' };

/**
 * Decides what the realm of a challenge gets. A registry, or whoever answers in its place, could name any
 * address: its own collector for credentials, or a service inside our network.
 * `registry` is the name it is known by, `origin` the URL that answered.
 */
export function trustRealm(realm: string, registry: string, origin: URL): RealmTrust {
  let url: URL;
  try {
    url = new URL(realm);
  } catch {
    return { kind: 'refused', reason: 'it is not a URL' };
  }
  if (url.protocol !== 'https:' && url.protocol !== 'http:') {
    return { kind: 'refused', reason: 'it is not HTTP' };
  }
  if (url.protocol === 'http:' && origin.protocol === 'https:') {
    return { kind: 'refused', reason: 'it is plain HTTP, and the registry is not' };
  }
  if (url.username !== '' || url.password !== '') {
    return { kind: 'refused', reason: 'it holds a user name' };
  }
  if (url.hostname === origin.hostname) return { kind: 'credentials' };
  if (isInnerAddress(url.hostname)) {
    return { kind: 'refused', reason: 'it is an address inside a network' };
  }
  if (url.protocol === 'http:') return { kind: 'anonymous' };
  if (KNOWN_REALMS[registry] === url.host) return { kind: 'credentials' };
  return isSameOwner(url.hostname, origin.hostname)
    ? { kind: 'credentials' }
    : { kind: 'anonymous' };
}

/** `registry.gitlab.com` and `gitlab.com`, or `a.example.org` and `b.example.org`. */
function isSameOwner(realm: string, registry: string): boolean {
  if (ipVersion(registry) !== 0 || ipVersion(realm) !== 0) return false;
  const domain = registry.split('.').slice(1);
  const [second = '', top = ''] = domain;
  // Under `co.uk` or `com.au` everybody is somebody else.
  const isPublic =
    domain.length < 2 || (domain.length === 2 && top.length === 2 && second.length <= 3);
  const parent = domain.join('.');
  const isParentAllowed = !isPublic && (realm === parent || realm.endsWith(`.${parent}`));
  // `ghcr.io` may have its service at `auth.ghcr.io`.
  return isParentAllowed || (registry.includes('.') && realm.endsWith(`.${registry}`));
}

/** Loopback, private, link-local and unspecified addresses, and names that stand for loopback. */
function isInnerAddress(hostname: string): boolean {
  if (hostname === 'localhost' || hostname.endsWith('.localhost')) return true;
  const bare = hostname.replace(/^\[|\]$/g, '');
  switch (ipVersion(bare)) {
    case 4:
      return /^(?:0|10|127)\.|^169\.254\.|^192\.168\.|^172\.(?:1[6-9]|2\d|3[01])\.|^100\.(?:6[4-9]|[7-9]\d|1[01]\d|12[0-7])\./.test(
        bare,
      );
    case 6:
      // ::, ::1, mapped IPv4, unique local and link-local.
      return /^::|^f[cd]|^fe[89ab]/i.test(bare);
    default:
      return false;
  }
}

/** True for hosts that Docker speaks plain HTTP with: this machine. `host` may have a port. */
export function isLoopbackHost(host: string): boolean {
  const name = host.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
  return (
    name === 'localhost' || name === '::1' || (ipVersion(name) === 4 && name.startsWith('127.'))
  );
}
