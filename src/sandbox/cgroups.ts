import { existsSync, readdirSync, rmdirSync, statSync } from 'node:fs';
import path from 'node:path';
import { hasCode } from '../host/sys.ts';

/** Where cgroups are mounted: the tree of version 2, or one directory for each controller of version 1. */
export const CGROUP_ROOT = '/sys/fs/cgroup';
const PREFIX = 'stagecraft-';
/** The number of a process, and the namespace in which that is its number. */
const NAME = new RegExp(`^${PREFIX}(\\d+)-(\\d+)-`);

/** Name of a step's cgroup. It tells whose it is, so that those of killed builds can be found. */
export function cgroupName(id: string): string {
  return `${PREFIX}${process.pid}-${processNamespace()}-${id}`;
}

function processNamespace(): string {
  return String(statSync('/proc/self/ns/pid').ino);
}

/**
 * Removes the cgroups of a step, wherever a runtime made them. They are empty by then, so removing them is
 * enough. `parent` is the cgroup they were made below, from the root of each hierarchy.
 */
export function removeCgroups(name: string, parent = ''): void {
  for (const hierarchy of hierarchies()) removeCgroup(path.join(hierarchy, parent, name));
}

/** Removes one cgroup, which is empty, or leaves it where it cannot be removed. */
export function removeCgroup(directory: string): void {
  try {
    rmdirSync(directory);
  } catch (error) {
    if (!hasCode(error, 'ENOENT', 'ENOTDIR', 'EROFS', 'EACCES', 'EBUSY', 'EPERM')) throw error;
  }
}

/**
 * Removes the cgroups of builds that were killed before they could. Not those of builds in containers, whose
 * processes have other numbers here: one that was just made is as empty as one that was left.
 */
export function sweepCgroups(): void {
  const names = new Set(hierarchies().flatMap(readNames));
  for (const name of names) {
    const [, pid = '', namespace] = NAME.exec(name) ?? [];
    if (namespace === processNamespace() && !existsSync(`/proc/${pid}`)) removeCgroups(name);
  }
}

/** One of version 2, or one per controller of version 1. */
function hierarchies(): string[] {
  return [CGROUP_ROOT, ...readNames(CGROUP_ROOT).map((name) => path.join(CGROUP_ROOT, name))];
}

function readNames(dir: string): string[] {
  try {
    return readdirSync(dir);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'EACCES')) return [];
    throw error;
  }
}
