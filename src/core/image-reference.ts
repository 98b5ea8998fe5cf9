import { parseDigest, type Digest } from './digest.ts';

/**
 * Names an image, as Docker reads such names (distribution/reference: grammar in reference.go,
 * defaults in normalize.go). With a digest, the tag is only for people.
 */
export interface ImageReference {
  /** Host and optional port; `docker.io` when none was written. */
  readonly registry: string;
  /** Path below the registry, e.g. `library/alpine`. */
  readonly repository: string;
  /** `latest` when neither tag nor digest was written. */
  readonly tag: string | undefined;
  readonly digest: Digest | undefined;
}

const DEFAULT_REGISTRY = 'docker.io';
const OFFICIAL_PREFIX = 'library/';
const DEFAULT_TAG = 'latest';
/** Registry, slash and repository together. */
const MAX_NAME_LENGTH = 255;
/** Long before any pattern is tried. */
const MAX_TEXT_LENGTH = 1024;

const DOMAIN =
  /^(?:(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9])(?:\.(?:[a-zA-Z0-9]|[a-zA-Z0-9][a-zA-Z0-9-]*[a-zA-Z0-9]))*|\[[a-fA-F0-9:]+\])(?::[0-9]+)?$/;
const PATH = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^\w[\w.-]{0,127}$/;

/** True for what may stand after the colon of a name. */
export function isTag(text: string): boolean {
  return TAG.test(text);
}

/** True when `readReference` finds no fault in the text. */
export function isReference(text: string): boolean {
  return !('fault' in readReference(text));
}

/** The full name: registry, repository, tag and digest. `readReference` gives the same back. */
export function formatReference(reference: ImageReference): string {
  const { registry, repository, tag, digest } = reference;
  return `${registry}/${repository}${tag === undefined ? '' : `:${tag}`}${digest === undefined ? '' : `@${digest}`}`;
}

/** The name that an image is kept under: beside a digest, a tag says nothing (Docker leaves it out, too). */
export function storedName(reference: ImageReference): string {
  return formatReference(
    reference.digest === undefined ? reference : { ...reference, tag: undefined },
  );
}

/** The short name that Docker shows: without `docker.io/` and `library/`. */
export function familiarName(reference: ImageReference): string {
  const full = formatReference(reference);
  if (reference.registry !== DEFAULT_REGISTRY) return full;
  const path = full.slice(DEFAULT_REGISTRY.length + 1);
  const rest = path.slice(OFFICIAL_PREFIX.length);
  const short = path.startsWith(OFFICIAL_PREFIX) && !rest.includes('/') ? rest : path;
  // `docker.io/a.b/c` without its registry would be `c` in the registry `a.b`.
  const again = readReference(short);
  const isSame =
    'registry' in again &&
    again.registry === reference.registry &&
    again.repository === reference.repository;
  return isSame ? short : full;
}

/** Why a text names no image: `fault` ends a sentence that shows the text. */
export interface ReferenceFault {
  readonly fault: string;
  readonly hint?: string;
}

/** Reads a reference as written on a command line or in FROM. Asks nobody, never throws. */
export function readReference(text: string): ImageReference | ReferenceFault {
  if (text === '') return { fault: 'it is empty' };
  if (text.length > MAX_TEXT_LENGTH) {
    return { fault: `it has more than ${MAX_TEXT_LENGTH} characters` };
  }
  if (/^[a-z][a-z0-9+.-]*:\/\//i.test(text)) {
    return {
      fault: 'it is a URL',
      hint: `Leave "${text.slice(0, text.indexOf('://') + 3)}" out.`,
    };
  }
  if (/^[0-9a-f]{64}$/.test(text)) {
    return { fault: 'it is an image id, not a name' };
  }
  const at = text.indexOf('@');
  const digest = at === -1 ? undefined : parseDigest(text.slice(at + 1));
  if (at !== -1 && digest === undefined) {
    return { fault: `"${text.slice(at + 1)}" is not "sha256:" and 64 lower-case hex digits` };
  }
  return parseNameAndTag(at === -1 ? text : text.slice(0, at), digest);
}

function parseNameAndTag(
  text: string,
  digest: Digest | undefined,
): ImageReference | ReferenceFault {
  const colon = text.indexOf(':', text.lastIndexOf('/') + 1);
  const name = colon === -1 ? text : text.slice(0, colon);
  const tag = colon === -1 ? undefined : text.slice(colon + 1);
  if (tag !== undefined && !TAG.test(tag)) return tagFault(tag);
  const { registry, repository } = splitRegistry(name);
  if (!DOMAIN.test(registry)) {
    return { fault: `"${registry}" is not a host name with an optional port` };
  }
  if (!PATH.test(repository)) return repositoryFault(repository);
  if (registry.length + 1 + repository.length > MAX_NAME_LENGTH) {
    return { fault: `its name has more than ${MAX_NAME_LENGTH} characters` };
  }
  const usedTag = tag ?? (digest === undefined ? DEFAULT_TAG : undefined);
  return { registry, repository, tag: usedTag, digest };
}

/** The first component is a registry when it cannot be part of a repository name on Docker Hub. */
function splitRegistry(name: string): Pick<ImageReference, 'registry' | 'repository'> {
  const slash = name.indexOf('/');
  const first = name.slice(0, slash);
  const isRegistry =
    slash !== -1 &&
    (first.includes('.') ||
      first.includes(':') ||
      first === 'localhost' ||
      first !== first.toLowerCase());
  const registry = isRegistry ? first : DEFAULT_REGISTRY;
  const path = isRegistry ? name.slice(slash + 1) : name;
  if (registry !== DEFAULT_REGISTRY && registry !== `index.${DEFAULT_REGISTRY}`) {
    return { registry, repository: path };
  }
  return {
    registry: DEFAULT_REGISTRY,
    repository: path.includes('/') ? path : `${OFFICIAL_PREFIX}${path}`,
  };
}

function tagFault(tag: string): ReferenceFault {
  if (tag === '') return { fault: 'the tag after ":" is empty' };
  if (tag.length > 128) return { fault: 'its tag has more than 128 characters' };
  return {
    fault: `the tag "${tag}" may only have letters, digits, "_", "." and "-", and not begin with "." or "-"`,
  };
}

function repositoryFault(repository: string): ReferenceFault {
  const shown = repository.startsWith(OFFICIAL_PREFIX)
    ? repository.slice(OFFICIAL_PREFIX.length)
    : repository;
  const lower = repository.toLowerCase();
  if (lower !== repository && PATH.test(lower)) {
    return {
      fault: `the repository name "${shown}" must be lower case`,
      hint: `Write "${shown.toLowerCase()}".`,
    };
  }
  if (shown === '') return { fault: 'the repository name is empty' };
  return {
    fault: `the repository name "${shown}" may only have lower-case letters and digits, joined by ".", "_", "__", "-" or "/"`,
  };
}
