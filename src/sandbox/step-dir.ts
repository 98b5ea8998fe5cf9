import {
  closeSync,
  constants,
  fstatSync,
  mkdtempSync,
  openSync,
  readdirSync,
  rmSync,
} from 'node:fs';
import path from 'node:path';
import { flock, hasCode } from '../host/sys.ts';

/** Not that of versions without the lock (`stagecraft-step-`), whose directories may be in use. */
const PREFIX = 'stagecraft-step.';
const { O_DIRECTORY, O_NOFOLLOW } = constants;

/** A private directory that is gone at the end of its scope, with all that is in it. */
export interface StepDir extends Disposable {
  readonly path: string;
  /** Instead: leaves it, for somebody who removes it in another way. */
  release(): void;
}

/**
 * Makes a private directory (0700) for one step's bundle and runtime state, below `base`. A kernel lock
 * shows that it is in use: numbers of processes say nothing to other containers that share `base`.
 */
export function makeStepDir(base: string): StepDir {
  for (;;) {
    const made = mkdtempSync(path.join(base, `${PREFIX}${process.pid}-`));
    const fd = openAlone(made, true);
    // Somebody was quicker and took it for one that was left.
    if (fd === undefined) continue;
    return {
      path: made,
      release: () => {
        closeSync(fd);
      },
      [Symbol.dispose]: () => {
        rmSync(made, { recursive: true, force: true });
        closeSync(fd);
      },
    };
  }
}

/** Removes the directories of builds that were killed before they could. */
export function sweepStepDirs(base: string): void {
  for (const name of readdirSync(base)) {
    if (!name.startsWith(PREFIX)) continue;
    const left = path.join(base, name);
    let fd: number | undefined;
    try {
      fd = openAlone(left, false);
      if (fd !== undefined) rmSync(left, { recursive: true, force: true });
    } catch {
      // Another user's, in a shared directory such as /dev/shm: theirs to remove.
      continue;
    } finally {
      if (fd !== undefined) closeSync(fd);
    }
  }
}

/**
 * Opens a directory and locks it; undefined when somebody else has, or has removed it. `isOurs` is false
 * for one that may be somebody's.
 */
function openAlone(dir: string, isOurs: boolean): number | undefined {
  let fd: number;
  try {
    fd = openSync(dir, O_DIRECTORY | O_NOFOLLOW);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
  try {
    if (lock(fd, isOurs) && fstatSync(fd).nlink > 0) return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  closeSync(fd);
  return undefined;
}

function lock(fd: number, isOurs: boolean): boolean {
  try {
    return flock(fd, { type: 'exclusive', wait: false });
  } catch (error) {
    // Some network file systems have no locks on directories. Then nobody can sweep there either.
    if (isOurs && hasCode(error, 'EBADF', 'ENOLCK', 'EOPNOTSUPP', 'ENOSYS')) return true;
    throw error;
  }
}
