import { createHash } from 'node:crypto';
import type { KeyChange } from '../events/event.ts';

/**
 * Everything that can change an op's result, by name, before hashing.
 * The parts are stored next to the result, so a miss can be explained by comparing two of these.
 */
export type KeyParts = Readonly<Record<string, string>>;

/** 64 hex digits naming one result. Safe as a file name. */
export type CacheKey = string & { readonly __cacheKey: true };

/** True for text that has the form of a key: it may come from a file or from elsewhere. */
export function isCacheKey(text: string): text is CacheKey {
  return /^[0-9a-f]{64}$/.test(text);
}

/** Hashes parts in code-unit order. `localeCompare` would make the key depend on the user's LANG. */
export function hashKeyParts(parts: KeyParts): CacheKey {
  const hash = createHash('sha256');
  for (const name of Object.keys(parts).sort()) {
    const value = parts[name] ?? '';
    // Lengths make the encoding injective: {a:'bc'} and {ab:'c'} must not collide.
    hash.update(`${String(name.length)}:${name}${String(value.length)}:${value}`);
  }
  return hash.digest('hex') as CacheKey;
}

/** The parts that differ between a former result and the wanted one, by name. */
export function explainMiss(previous: KeyParts, current: KeyParts): KeyChange[] {
  const names = [...new Set([...Object.keys(previous), ...Object.keys(current)])].sort();
  return names
    .map((part) => ({ part, before: previous[part], after: current[part] }))
    .filter((change) => change.before !== change.after);
}
