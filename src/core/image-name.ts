/**
 * Names of images as users write them, brought to one form. Grammar: distribution's `reference`
 * package. No network, no registry: the form only decides whether two names are the same image.
 */
export interface ImageName {
  /** Registry, e.g. `docker.io`. */
  readonly domain: string;
  /** Repository, e.g. `library/alpine`. */
  readonly path: string;
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

const COMPONENT = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*$/;
const DOMAIN =
  /^(?:[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]*[A-Za-z0-9])?)*|\[[0-9a-fA-F:]+\])(?::[0-9]+)?$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^[A-Za-z][A-Za-z0-9]*(?:[-_+.][A-Za-z][A-Za-z0-9]*)*:[0-9a-fA-F]{32,}$/;
const MAX_NAME_LENGTH = 255;

/** Undefined when `text` cannot be the name of an image. A bare 64-digit id is none. */
export function parseImageName(text: string): ImageName | undefined {
  const at = text.indexOf('@');
  const digest = at === -1 ? undefined : text.slice(at + 1);
  const tagged = at === -1 ? text : text.slice(0, at);
  const colon = tagged.lastIndexOf(':');
  const hasTag = colon > tagged.lastIndexOf('/');
  const tag = hasTag ? tagged.slice(colon + 1) : undefined;
  const name = hasTag ? tagged.slice(0, colon) : tagged;
  if (digest !== undefined && !DIGEST.test(digest)) return undefined;
  if (tag !== undefined && !TAG.test(tag)) return undefined;
  if (/^[0-9a-f]{64}$/.test(name)) return undefined;
  const { domain, path } = splitDomain(name);
  if (!DOMAIN.test(domain) || path.length > MAX_NAME_LENGTH) return undefined;
  if (!path.split('/').every((part) => COMPONENT.test(part))) return undefined;
  return { domain, path, tag, digest };
}

/** `docker.io/library/alpine:latest`: the full name, with `:latest` when it has neither tag nor digest. */
export function fullName(name: ImageName): string {
  const tag = name.tag ?? (name.digest === undefined ? 'latest' : undefined);
  return `${repositoryName({ ...name, tag })}${name.digest === undefined ? '' : `@${name.digest}`}`;
}

/** Like `fullName`, without a digest. */
function repositoryName(name: ImageName): string {
  return `${name.domain}/${name.path}${name.tag === undefined ? '' : `:${name.tag}`}`;
}

/** `alpine:3.18`: as people write it, `:latest` left out. What named contexts are looked up by. */
export function familiarName(name: ImageName): string {
  const path =
    name.domain === 'docker.io' ? name.path.replace(/^library\/(?=[^/]+$)/, '') : undefined;
  const tag = name.tag === undefined || name.tag === 'latest' ? '' : `:${name.tag}`;
  const digest = name.digest === undefined ? '' : `@${name.digest}`;
  return `${path ?? `${name.domain}/${name.path}`}${tag}${digest}`;
}

function splitDomain(name: string): { domain: string; path: string } {
  const slash = name.indexOf('/');
  const first = slash === -1 ? '' : name.slice(0, slash);
  const isDomain =
    /[.:]/.test(first) || first === 'localhost' || (first !== '' && first !== first.toLowerCase());
  if (!isDomain) return { domain: 'docker.io', path: slash === -1 ? `library/${name}` : name };
  const rest = name.slice(slash + 1);
  if (first !== 'docker.io' && first !== 'index.docker.io') return { domain: first, path: rest };
  return { domain: 'docker.io', path: rest.includes('/') ? rest : `library/${rest}` };
}
