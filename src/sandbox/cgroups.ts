import { existsSync, readdirSync, rmdirSync } from 'node:fs';
import path from 'node:path';
import { hasCode } from '../host/sys.ts';

const ROOT = '/sys/fs/cgroup';
const PREFIX = 'stagecraft-';

/** Name of a step's cgroup. It tells whose it is, so that those of killed builds can be found. */
export function cgroupName(id: string): string {
  return `${PREFIX}${process.pid}-${id}`;
}

/** Removes a cgroup that a killed runtime left. It is empty by then, so removing it is enough. */
export function removeCgroups(name: string): void {
  for (const hierarchy of hierarchies()) {
    try {
      rmdirSync(path.join(hierarchy, name));
    } catch (error) {
      if (!hasCode(error, 'ENOENT', 'ENOTDIR', 'EROFS', 'EACCES', 'EBUSY', 'EPERM')) throw error;
    }
  }
}

/** Removes the cgroups of builds that were killed before they could. */
export function sweepCgroups(): void {
  const names = new Set(hierarchies().flatMap(readNames));
  for (const name of names) {
    const pid = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1];
    if (pid !== undefined && !existsSync(`/proc/${pid}`)) removeCgroups(name);
  }
}

/** One of version 2, or one per controller of version 1. */
function hierarchies(): string[] {
  return [ROOT, ...readNames(ROOT).map((name) => path.join(ROOT, name))];
}

function readNames(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return [];
    throw error;
  }
}
