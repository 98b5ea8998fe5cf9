import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs';
import path from 'node:path';

const PREFIX = 'stagecraft-step-';
/** The number of a process, and the namespace in which that is its number. */
const NAME = new RegExp(`^${PREFIX}(\\d+)-(\\d+)-`);

/** A private directory (0700) for one step's bundle and runtime state, below `base`. */
export function makeStepDir(base: string): string {
  return mkdtempSync(path.join(base, `${PREFIX}${process.pid}-${processNamespace()}-`));
}

/**
 * Removes the directories of builds that were killed before they could. Those of containers that share `base`
 * with this host, as with `--ipc=host`, are left alone: here, nobody knows whether their processes live.
 */
export function sweepStepDirs(base: string): void {
  for (const name of readdirSync(base)) {
    const [, pid, namespace] = NAME.exec(name) ?? [];
    if (namespace !== processNamespace() || isAlive(Number(pid))) continue;
    try {
      rmSync(path.join(base, name), { recursive: true, force: true });
    } catch {
      // Another user's, in a shared directory such as /dev/shm: theirs to remove.
      continue;
    }
  }
}

function processNamespace(): string {
  return String(statSync('/proc/self/ns/pid').ino);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
