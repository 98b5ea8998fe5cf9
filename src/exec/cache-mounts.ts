import { createHash } from 'node:crypto';
import { chmodSync, chownSync, mkdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { acquireLock, tryLock, type Lock } from '../host/lock.ts';
import type { Mount } from '../ops/op.ts';

type CacheMount = Extract<Mount, { type: 'cache' }>;

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
 * `fill` puts the seed of `from=` into a new directory.
 */
export async function openCacheMount(
  root: string,
  mount: CacheMount,
  fill: (dir: string) => Promise<void>,
  signal: AbortSignal,
): Promise<OpenCacheMount> {
  mkdirSync(root, { recursive: true, mode: 0o700 });
  const name = createHash('sha256').update(mount.id).digest('hex');
  const { lock, path } = await lockFor(root, name, mount.sharing, signal);
  try {
    await ensureDirectory(path, mount, fill);
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
  fill: (dir: string) => Promise<void>,
): Promise<void> {
  const making = `${path}.new-${String(process.pid)}`;
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return;
    throw error;
  }
  if (mount.from === undefined) {
    setAccess(path, mount);
    return;
  }
  // Filled under another name, so that a build that dies half-way leaves no half-filled cache.
  rmSync(making, { recursive: true, force: true });
  mkdirSync(making, { mode: 0o700 });
  await fill(making);
  setAccess(making, mount);
  renameSync(making, path);
}

function setAccess(path: string, mount: CacheMount): void {
  chownSync(path, mount.uid, mount.gid);
  chmodSync(path, mount.mode);
}
