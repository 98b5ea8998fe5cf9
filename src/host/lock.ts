import { closeSync, constants, fstatSync, openSync, rmSync, statSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { errnoOf, fileWrite } from './atomic-file.ts';
import { flock } from './sys.ts';

const { O_CREAT, O_NOFOLLOW, O_RDWR } = constants;
const PRIVATE_FILE = 0o600;
const FIRST_WAIT_MS = 4;
const LONGEST_WAIT_MS = 250;

/** A kernel lock that is held until it is disposed or this process is gone, however it goes. */
export interface Lock extends AsyncDisposable {
  readonly path: string;
  /** Gives the lock back at once. Doing it twice is harmless. */
  release(): void;
}

/** `shared` locks go together; an `exclusive` one is alone. */
export type LockType = 'shared' | 'exclusive';

/**
 * Waits for a lock on the file at `path`, which is made when it is not there. Its directory must exist.
 * Holders may be other processes or other parts of this one. Not fair: the next free moment is taken by
 * whoever looks first, at the latest every 250 ms.
 * @throws the signal's reason when aborted while waiting. @throws BuildError FILE_WRITE
 */
export async function acquireLock(
  path: string,
  { type }: { readonly type: LockType },
  signal: AbortSignal,
): Promise<Lock> {
  let wait = FIRST_WAIT_MS;
  for (;;) {
    signal.throwIfAborted();
    const lock = tryLock(path, type);
    if (lock !== undefined) return lock;
    // Two who wait must not look in step, or one of them may never find it free.
    const pause = wait / 2 + (Math.random() * wait) / 2;
    await setTimeout(pause, undefined, { signal }).catch(() => signal.throwIfAborted());
    wait = Math.min(wait * 2, LONGEST_WAIT_MS);
  }
}

/**
 * An exclusive lock whose file goes when it is given back: for locks named after work that is done once,
 * of which there would be more and more. Whoever waits for it finds that the file is another one, and
 * tries again.
 */
export async function acquirePassingLock(
  path: string,
  signal: AbortSignal,
): Promise<AsyncDisposable> {
  const lock = await acquireLock(path, { type: 'exclusive' }, signal);
  return {
    [Symbol.asyncDispose]() {
      // While it is held, so that nobody's new file is removed.
      rmSync(path, { force: true });
      lock.release();
      return Promise.resolve();
    },
  };
}

/**
 * The lock, or undefined when somebody holds it against us.
 * @throws BuildError FILE_WRITE when the lock file cannot be opened.
 */
export function tryLock(path: string, type: LockType): Lock | undefined {
  for (;;) {
    const fd = openLockFile(path);
    try {
      if (!flock(fd, { type, wait: false })) {
        closeSync(fd);
        return undefined;
      }
      if (isStillAt(path, fd)) return new HeldLock(path, fd);
    } catch (cause) {
      closeSync(fd);
      throw cause;
    }
    // Removed or replaced between open and lock: the lock is on a file that nobody else will find.
    closeSync(fd);
  }
}

function openLockFile(path: string): number {
  try {
    return openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW, PRIVATE_FILE);
  } catch (cause) {
    throw fileWrite(path, cause);
  }
}

function isStillAt(path: string, fd: number): boolean {
  try {
    // Exactly: above 2^53, numbers of two files can be the same number.
    const there = statSync(path, { bigint: true });
    const ours = fstatSync(fd, { bigint: true });
    return there.ino === ours.ino && there.dev === ours.dev;
  } catch (cause) {
    if (errnoOf(cause) === 'ENOENT') return false;
    throw cause;
  }
}

class HeldLock implements Lock {
  readonly path: string;
  #fd: number | undefined;

  constructor(path: string, fd: number) {
    this.path = path;
    this.#fd = fd;
  }

  release(): void {
    if (this.#fd === undefined) return;
    const fd = this.#fd;
    this.#fd = undefined;
    // Closing the only descriptor is what frees a flock; Node opens files close-on-exec.
    closeSync(fd);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.release();
    return Promise.resolve();
  }
}
