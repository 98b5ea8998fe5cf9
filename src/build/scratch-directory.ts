import { randomBytes } from 'node:crypto';
import { mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { tryLock } from '../host/lock.ts';

/** Beginning of the names of such directories. */
const PREFIX = 'scratch-';
const LOCK = '.lock';

/** A directory for one build, which is gone when it is disposed. */
export interface ScratchDirectory extends AsyncDisposable {
  readonly path: string;
}

/**
 * Makes an empty directory in `tmpDir`. A kernel lock beside it says that it is in use; those of
 * processes that are gone are removed on the way.
 */
export function openScratch(tmpDir: string): ScratchDirectory {
  sweepScratch(tmpDir);
  const path = join(tmpDir, PREFIX + randomBytes(6).toString('hex'));
  const lock = tryLock(path + LOCK, 'exclusive');
  if (lock === undefined) throw new TypeError('A random name was taken');
  mkdirSync(path, { mode: 0o700 });
  return {
    path,
    async [Symbol.asyncDispose]() {
      rmSync(path, { recursive: true, force: true });
      rmSync(lock.path, { force: true });
      await lock[Symbol.asyncDispose]();
    },
  };
}

/** Removes what processes left that are gone. */
export function sweepScratch(tmpDir: string): void {
  for (const name of readdirSync(tmpDir)) {
    if (!name.startsWith(PREFIX) || !name.endsWith(LOCK)) continue;
    const path = join(tmpDir, name);
    const lock = tryLock(path, 'exclusive');
    if (lock === undefined) continue;
    rmSync(path.slice(0, -LOCK.length), { recursive: true, force: true });
    rmSync(path, { force: true });
    lock.release();
  }
}
