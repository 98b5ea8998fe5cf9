import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import path from 'node:path';

const PREFIX = 'stagecraft-step-';

/** A private directory (0700) for one step's bundle and runtime state, below `base`. */
export function makeStepDir(base: string): string {
  return mkdtempSync(path.join(base, `${PREFIX}${process.pid}-`));
}

/** Removes the directories of builds that were killed before they could. */
export function sweepStepDirs(base: string): void {
  for (const name of readdirSync(base)) {
    const pid = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1];
    if (pid === undefined || isAlive(Number(pid))) continue;
    try {
      rmSync(path.join(base, name), { recursive: true, force: true });
    } catch {
      // Another user's, in a shared directory such as /dev/shm: theirs to remove.
      continue;
    }
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
