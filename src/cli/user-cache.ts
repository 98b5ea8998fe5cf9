import {
  closeSync,
  existsSync,
  fstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  statSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';

/**
 * What is kept in the user's cache directory so that a start takes less time. Each file can be lost at any
 * time: not being able to keep or to read one costs time and nothing else, so nobody is told.
 */

/** Our directory there: below $XDG_CACHE_HOME or $HOME/.cache. Undefined where there is none. */
export function userCacheDirectory(
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const { HOME: home, XDG_CACHE_HOME: named } = env;
  const cache = named ?? (home === undefined ? undefined : `${home}/.cache`);
  return cache?.startsWith('/') === true ? join(cache, 'stagecraft') : undefined;
}

/** FNV-1a of 32 bits, in hex, for names of files: node:crypto takes longer to load than all of this. */
export function shortHash(text: string): string {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return (hash >>> 0).toString(16);
}

/** A file of ours alone; undefined when there is none, when others may write to it, or when it is too large. */
export function readUserCache(path: string, maxBytes: number): Buffer | undefined {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch {
    return undefined;
  }
  try {
    const { size, uid, mode } = fstatSync(file);
    // Whoever can write this file decides what we do.
    const isOurs = uid === process.geteuid?.() && (mode & 0o022) === 0;
    return isOurs && size <= maxBytes ? readFileSync(file) : undefined;
  } catch {
    return undefined;
  } finally {
    closeSync(file);
  }
}

/** Writes a file whole. Of those whose names begin with `prefix`, the `maxKept` that were written last stay. */
export function writeUserCache(
  path: string,
  data: Uint8Array,
  { prefix, maxKept }: { readonly prefix: string; readonly maxKept: number },
): void {
  const temporary = `${path}.${process.pid}`;
  try {
    for (const dir of [dirname(dirname(path)), dirname(path)]) makeDirectory(dir);
    writeFileSync(temporary, data, { flag: 'wx', mode: 0o600 });
    renameSync(temporary, path);
    removeOldest(dirname(path), prefix, maxKept);
  } catch {
    removeUserCache(temporary);
  }
}

/** Removes a file, if it is there and that can be done. */
export function removeUserCache(path: string): void {
  try {
    unlinkSync(path);
  } catch {
    // It was never made.
  }
}

/** Of what was replaced or removed since, nobody says so. */
function removeOldest(directory: string, prefix: string, maxKept: number): void {
  const written = readdirSync(directory)
    .filter((name) => name.startsWith(prefix))
    .map((name) => join(directory, name))
    .map((path) => ({ path, at: statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0 }))
    .sort((a, b) => b.at - a.at);
  for (const { path } of written.slice(maxKept)) removeUserCache(path);
}

/** Only the last part of the path: a home directory that does not exist is not made. */
function makeDirectory(path: string): void {
  if (!existsSync(path)) mkdirSync(path, { mode: 0o700 });
}
