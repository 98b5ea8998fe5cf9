import { formatPlatform, type Platform } from '../core/platform.ts';
import { namedContextInvalid } from './errors.ts';
import { isGitUrl } from './git-reference.ts';
import { formatReference, isReference, readReference } from '../core/image-reference.ts';
import type { NamedContext } from './plan-request.ts';

/**
 * Reads the value of `--build-context name=value`. What has no known scheme is a directory.
 * @throws BuildError NAMED_CONTEXT_INVALID
 */
export function parseNamedContext(name: string, value: string): NamedContext {
  const scheme = /^([a-z][a-z0-9+-]*):/.exec(value)?.[1];
  if (value === '') throw namedContextInvalid(name, value, 'the value is empty');
  if (isGitUrl(value)) return { type: 'git', url: value };
  switch (scheme) {
    case 'docker-image':
      return readImage(name, value);
    case 'oci-layout':
      return readLayout(name, value);
    case 'http':
    case 'https':
      return { type: 'http', url: value };
    case 'target':
      return { type: 'stage', name: value.slice('target:'.length) };
    case 'local':
      return { type: 'local', path: value.slice('local:'.length) };
    default:
      if (/^[a-z][a-z0-9+-]*:\/\//.test(value)) {
        throw namedContextInvalid(name, value, `the scheme "${scheme ?? ''}" is not known`);
      }
      return { type: 'local', path: value };
  }
}

function readImage(name: string, value: string): NamedContext {
  const reference = value.replace(/^docker-image:(?:\/\/)?/, '');
  if (reference !== 'scratch' && !isReference(reference)) {
    throw namedContextInvalid(name, value, `"${reference}" is not a valid image name`);
  }
  return { type: 'image', reference };
}

function readLayout(name: string, value: string): NamedContext {
  const text = value.replace(/^oci-layout:(?:\/\/)?/, '');
  const { path, tag, digest } =
    /^(?<path>.*?)(?::(?<tag>\w[\w.-]{0,127}))?(?:@(?<digest>[^/@]+))?$/.exec(text)?.groups ?? {
      path: '',
    };
  if (path === undefined || path === '')
    throw namedContextInvalid(name, value, 'it names no directory');
  if (digest !== undefined && !/^[a-z0-9]+:[0-9a-f]{32,}$/.test(digest)) {
    throw namedContextInvalid(name, value, `"${digest}" is not a digest`);
  }
  return { type: 'oci-layout', path, tag, digest };
}

/** Names that always mean the empty file system and the main context. */
const RESERVED = new Set(['scratch', 'context']);

/** Named contexts, found by the name that people write: `alpine`, `docker.io/library/alpine:latest`. */
export interface NamedContexts {
  /** The context for `name`; one for exactly this platform (`name::os/arch`) goes first. */
  find(name: string, platform: Platform): FoundContext | undefined;
}

/** A named context, and the key it was given under. */
export interface FoundContext {
  readonly name: string;
  readonly context: NamedContext;
}

export function namedContexts(given: ReadonlyMap<string, NamedContext>): NamedContexts {
  const byName = new Map<string, FoundContext>();
  for (const [name, context] of given) byName.set(lookupKey(name), { name, context });
  return {
    find(name, platform) {
      if (RESERVED.has(name.toLowerCase()) || byName.size === 0) return undefined;
      const key = lookupKey(name);
      return byName.get(`${key}::${formatPlatform(platform)}`) ?? byName.get(key);
    },
  };
}

function lookupKey(name: string): string {
  const [image = '', platform] = name.split('::', 2);
  const read = readReference(image);
  const full = 'fault' in read ? image : formatReference(read);
  return platform === undefined ? full : `${full}::${platform}`;
}
