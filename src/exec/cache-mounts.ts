import { createHash } from 'node:crypto';
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { join } from 'node:path';
import { acquireLock, tryLock, type Lock } from '../host/lock.ts';
import type { Mount } from '../ops/op.ts';

type CacheMount = Extract<Mount, { type: 'cache' }>;

/** What a new cache begins with: `from=` of the mount. */
export interface CacheSeed {
  /** What tells its files from others. */
  readonly identity: string;
  /** Copies the files into `dir`, which is empty. */
  copy(dir: string): Promise<void>;
}

/** A directory that a step has for itself, or shares, until it is disposed. */
export interface OpenCacheMount extends AsyncDisposable {
  /** Host path. */
  readonly dir: string;
}

/**
 * Directories for `RUN --mount=type=cache`, kept between builds below one folder:
 *
 *   <hash of id>/       the files
 *   <hash of id>.lock   held shared by each user, or alone where sharing is `locked` or `private`
 *
 * The id comes from a Dockerfile and never becomes part of a path (CVE-2024-9675).
 * A cache with another seed is another cache, as in BuildKit.
 */
export async function openCacheMount(
  root: string,
  mount: CacheMount,
  seed: CacheSeed | undefined,
  signal: AbortSignal,
): Promise<OpenCacheMount> {
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const identity = seed === undefined ? '' : `\0${seed.identity}`;
  const name = createHash('sha256').update(`${mount.id}${identity}`).digest('hex');
  const { lock, path } = await lockFor(root, name, mount.sharing, signal);
  try {
    await ensureDirectory(path, mount, seed, signal);
  } catch (error) {
    lock.release();
    throw error;
  }
  return {
    dir: path,
    [Symbol.asyncDispose]: () => lock[Symbol.asyncDispose](),
  };
}

async function lockFor(
  root: string,
  name: string,
  sharing: CacheMount['sharing'],
  signal: AbortSignal,
): Promise<{ lock: Lock; path: string }> {
  const path = join(root, name);
  switch (sharing) {
    case 'shared':
      return { lock: await acquireLock(`${path}.lock`, { type: 'shared' }, signal), path };
    case 'locked':
      return { lock: await acquireLock(`${path}.lock`, { type: 'exclusive' }, signal), path };
    case 'private':
      return firstFree(path);
    default:
      return sharing satisfies never;
  }
}

/** The first directory of this id that nobody uses; another one when all are in use. */
function firstFree(path: string): { lock: Lock; path: string } {
  for (let number = 0; ; number++) {
    const candidate = number === 0 ? path : `${path}-${String(number)}`;
    const lock = tryLock(`${candidate}.lock`, 'exclusive');
    if (lock !== undefined) return { lock, path: candidate };
  }
}

async function ensureDirectory(
  path: string,
  mount: CacheMount,
  seed: CacheSeed | undefined,
  signal: AbortSignal,
): Promise<void> {
  if (existsSync(path)) return;
  // Several may share a cache that is not there yet: one of them makes it.
  await using _makers = await acquireLock(`${path}.new.lock`, { type: 'exclusive' }, signal);
  if (existsSync(path)) return;
  // Made under another name, so that a build that dies half-way leaves no half-made cache.
  const making = mkdtempSync(`${path}.new-`);
  try {
    await seed?.copy(making);
    chownSync(making, mount.uid, mount.gid);
    chmodSync(making, mount.mode);
    renameSync(making, path);
  } catch (error) {
    rmSync(making, { recursive: true, force: true });
    throw error;
  }
}
