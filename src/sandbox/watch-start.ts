import { closeSync, constants, existsSync, openSync } from 'node:fs';
import { hasCode, mkfifo, RENAME, renameat2 } from '../host/sys.ts';

/** How often a runtime is looked at. One that works holds a program back for milliseconds. */
export const LOOK_EVERY_MS = 10_000;

/** Looks at one start of a runtime, until it is disposed of. */
export interface StartWatch extends Disposable {
  /** True when the runtime stood still and the program has not begun, and never will. */
  readonly isStuck: boolean;
}

/**
 * Looks whether a runtime stands still on the way to the program. `gate` is the named pipe at which it
 * holds the program back until all is ready; it removes that when the program may begin. A pipe that is
 * there at two looks in a row means that it hangs, as runc does once in many thousand starts on a busy
 * machine. `onStuck` is called then, if it is certain that the program has not begun.
 */
export function watchStart(gate: string, onStuck: () => void, everyMs: number): StartWatch {
  let isStuck = false;
  let wasThere = false;
  const timer = setInterval(() => {
    const isThere = existsSync(gate);
    if (!isThere || !wasThere) {
      wasThere = isThere;
      return;
    }
    clearInterval(timer);
    if (!bar(gate)) return;
    isStuck = true;
    onStuck();
  }, everyMs);
  return {
    get isStuck() {
      return isStuck;
    },
    [Symbol.dispose]: () => {
      clearInterval(timer);
    },
  };
}

/**
 * Puts another pipe in the place of the gate, at which nobody waits, so that the runtime cannot open the
 * first one any more. False when it has opened it, and when that cannot be told: a program that may have
 * begun must not be started again.
 */
function bar(gate: string): boolean {
  const first = `${gate}.first`;
  try {
    mkfifo(first, 0o600);
    renameat2(first, gate, RENAME.EXCHANGE);
  } catch (error) {
    // It is gone by now; or the file system is full or cannot do this, and nothing is certain then.
    if (hasCode(error, 'ENOENT', 'EINVAL', 'ENOSPC', 'EDQUOT')) return false;
    throw error;
  }
  if (hasReader(first)) return false;
  // Who opens it removes the name before closing it. Nobody has it open now and the name is still there:
  // nobody ever had.
  return existsSync(gate);
}

function hasReader(pipe: string): boolean {
  try {
    closeSync(openSync(pipe, constants.O_WRONLY | constants.O_NONBLOCK));
    return true;
  } catch (error) {
    if (hasCode(error, 'ENXIO')) return false;
    if (hasCode(error, 'ENOENT')) return true;
    throw error;
  }
}
