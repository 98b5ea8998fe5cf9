import { accessSync, constants, lstatSync, mkdirSync } from 'node:fs';
import { isAbsolute, join } from 'node:path';

/**
 * Where an ordinary user keeps what must not stay, such as secrets of steps: XDG_RUNTIME_DIR when it can
 * be written to (after `su` it is another user's), else a directory of the user's own in shared memory,
 * else the one given.
 */
export function runtimeDirectory(
  env: Readonly<Record<string, string | undefined>>,
  uid: number,
  fallback: string,
  sharedMemory = '/dev/shm',
): string {
  const named = env['XDG_RUNTIME_DIR'];
  if (named !== undefined && isAbsolute(named) && isWritable(named)) return named;
  const own = join(sharedMemory, `stagecraft-${String(uid)}`);
  return makePrivate(own, uid) ? own : fallback;
}

/** Everybody may write to shared memory: what somebody else put there under our name is not taken. */
function makePrivate(path: string, uid: number): boolean {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) return false;
  }
  const stat = lstatSync(path, { throwIfNoEntry: false });
  return stat?.isDirectory() === true && stat.uid === uid && (stat.mode & 0o077) === 0;
}

function isWritable(path: string): boolean {
  try {
    accessSync(path, constants.W_OK | constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
