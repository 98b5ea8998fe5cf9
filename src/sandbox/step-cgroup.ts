import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { hasCode } from '../host/sys.ts';
import { CGROUP_ROOT, cgroupName, removeCgroup } from './cgroups.ts';
import {
  cpuPeriod,
  neededControllers,
  totalMemory,
  type Controller,
  type StepLimits,
} from './step-limits.ts';

/** The control groups of one step, one in each hierarchy that is needed, until they are disposed. */
export interface StepCgroup extends Disposable {
  /** Files in which a process writes `0` to enter. */
  readonly entrances: readonly string[];
  /** Processes that the kernel killed in it for want of memory. Undefined without a limit of memory. */
  outOfMemoryKills(): number | undefined;
}

/**
 * Makes cgroups with `limits` for a step, by version 1 or 2. Without limits there is nothing to make.
 * @throws SystemError EACCES, EROFS, EPERM, EBUSY, … where this process may not
 */
export function openStepCgroup(id: string, limits: StepLimits): StepCgroup {
  const name = cgroupName(id);
  const made: string[] = [];
  const close = (): void => {
    for (const dir of made) removeCgroup(dir);
  };
  try {
    const controllers = neededControllers(limits);
    const isUnified = existsSync(path.join(CGROUP_ROOT, 'cgroup.controllers'));
    for (const group of isUnified ? [controllers] : controllers.map((one) => [one])) {
      if (group.length === 0) continue;
      const dir = isUnified
        ? unifiedPlace(name, group, limits.cgroupParent)
        : version1Place(name, group[0] ?? 'pids', limits.cgroupParent);
      mkdirSync(dir);
      made.push(dir);
      if (!isUnified && group[0] === 'cpuset') openCpuset(dir);
      for (const controller of group) {
        writeLimits(dir, isUnified ? UNIFIED_FILES : VERSION_1_FILES, controller, limits);
      }
    }
  } catch (error) {
    close();
    throw error;
  }
  return {
    entrances: made.map((dir) => path.join(dir, 'cgroup.procs')),
    outOfMemoryKills: () =>
      limits.memoryBytes === undefined ? undefined : sum(made.map((dir) => oomKillsIn(dir))),
    [Symbol.dispose]: close,
  };
}

/**
 * The same where it can be done, else undefined: whether it can be is asked and told before, once, with
 * `cgroupProblem`.
 */
export function tryOpenStepCgroup(
  id: string,
  limits: StepLimits | undefined,
): StepCgroup | undefined {
  if (limits === undefined) return undefined;
  try {
    return openStepCgroup(id, limits);
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined;
    throw error;
  }
}

/** Why `limits` cannot be put in force by this process, or undefined. Tries it. */
export function cgroupProblem(limits: StepLimits): string | undefined {
  try {
    openStepCgroup(`probe-${randomBytes(8).toString('hex')}`, limits)[Symbol.dispose]();
    return undefined;
  } catch (error) {
    if (hasCode(error, 'EACCES', 'EPERM', 'EROFS')) return 'this process may not make cgroups';
    if (hasCode(error, 'EBUSY')) return 'the cgroup of this process is not for others';
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return 'a cgroup controller is missing here';
    if (error instanceof Error && 'code' in error) return `the kernel says ${String(error.code)}`;
    throw error;
  }
}

/** Makes what the cgroup will be below. */
function version1Place(name: string, controller: Controller, parent = ''): string {
  const hierarchy = path.join(CGROUP_ROOT, controller);
  // Not there where the kernel, or this container, is without the controller.
  statSync(path.join(hierarchy, 'cgroup.procs'));
  const above = path.join(hierarchy, parent);
  mkdirSync(above, { recursive: true });
  return path.join(above, name);
}

/** Nothing can enter a cpuset before both are set. */
function openCpuset(dir: string): void {
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    inheritCpuset(path.join(CGROUP_ROOT, 'cpuset'), dir, file);
  }
}

function inheritCpuset(hierarchy: string, dir: string, file: string): void {
  if (dir === hierarchy || readFileSync(path.join(dir, file), 'latin1').trim() !== '') return;
  inheritCpuset(hierarchy, path.dirname(dir), file);
  writeFileSync(
    path.join(dir, file),
    readFileSync(path.join(path.dirname(dir), file), 'latin1').trim(),
  );
}

/** Makes what the cgroup will be below. Controllers have to be passed on from each level to the next. */
function unifiedPlace(name: string, controllers: readonly Controller[], parent = ''): string {
  let dir = CGROUP_ROOT;
  const levels = parent.split('/').filter((level) => level !== '');
  for (const level of [...levels, name]) {
    const given = readFileSync(path.join(dir, 'cgroup.subtree_control'), 'latin1').split(/\s+/);
    const missing = controllers.filter((controller) => !given.includes(controller));
    if (missing.length > 0) {
      const text = missing.map((controller) => `+${controller}`).join(' ');
      writeFileSync(path.join(dir, 'cgroup.subtree_control'), text);
    }
    dir = path.join(dir, level);
    if (level !== name && !existsSync(dir)) mkdirSync(dir);
  }
  return dir;
}

/** What is written where, in order. A file that may be missing is one that some kernels are built without. */
type LimitFiles = Readonly<Record<Controller, (limits: StepLimits) => readonly LimitFile[]>>;
interface LimitFile {
  readonly file: string;
  readonly value: number | string | undefined;
  readonly mayBeMissing?: boolean;
}

const VERSION_1_FILES: LimitFiles = {
  memory: (limits) => [
    { file: 'memory.limit_in_bytes', value: limits.memoryBytes },
    {
      file: 'memory.memsw.limit_in_bytes',
      value: totalMemory(limits, limits.memoryBytes ?? 0),
      mayBeMissing: true,
    },
  ],
  cpu: (limits) => [
    ...(limits.cpuQuotaUs === undefined
      ? []
      : [
          { file: 'cpu.cfs_period_us', value: cpuPeriod(limits) },
          { file: 'cpu.cfs_quota_us', value: limits.cpuQuotaUs },
        ]),
    { file: 'cpu.shares', value: limits.cpuShares },
  ],
  cpuset: cpusetFiles,
  pids: pidsFile,
};

const UNIFIED_FILES: LimitFiles = {
  memory: (limits) => [
    { file: 'memory.max', value: limits.memoryBytes },
    { file: 'memory.swap.max', value: swapOf(limits), mayBeMissing: true },
    // A step that lost one of its processes is not worth going on with.
    { file: 'memory.oom.group', value: 1, mayBeMissing: true },
  ],
  cpu: (limits) => [
    {
      file: 'cpu.max',
      value:
        limits.cpuQuotaUs === undefined ? undefined : `${limits.cpuQuotaUs} ${cpuPeriod(limits)}`,
    },
    { file: 'cpu.weight', value: weightOf(limits.cpuShares) },
  ],
  cpuset: cpusetFiles,
  pids: pidsFile,
};

function cpusetFiles(limits: StepLimits): readonly LimitFile[] {
  return [
    { file: 'cpuset.cpus', value: limits.cpusetCpus },
    { file: 'cpuset.mems', value: limits.cpusetMems },
  ];
}

function pidsFile(limits: StepLimits): readonly LimitFile[] {
  return [{ file: 'pids.max', value: limits.pids }];
}

function swapOf(limits: StepLimits): number | string {
  const memory = limits.memoryBytes ?? 0;
  const total = totalMemory(limits, memory);
  return total === -1 ? 'max' : Math.max(0, total - memory);
}

/** The scale of version 1, 2 to 262144, on that of version 2, 1 to 10000, as runc and crun do it. */
function weightOf(shares: number | undefined): number | undefined {
  return shares === undefined ? undefined : 1 + Math.trunc(((shares - 2) * 9999) / 262_142);
}

function writeLimits(
  dir: string,
  files: LimitFiles,
  controller: Controller,
  limits: StepLimits,
): void {
  for (const { file, value, mayBeMissing } of files[controller](limits)) {
    if (value === undefined) continue;
    if (mayBeMissing === true && !existsSync(path.join(dir, file))) continue;
    writeFileSync(path.join(dir, file), String(value));
  }
}

/** memory.oom_control of version 1 (since Linux 4.13), memory.events of version 2. */
function oomKillsIn(dir: string): number {
  for (const file of ['memory.oom_control', 'memory.events']) {
    try {
      const count = /^oom_kill (\d+)$/m.exec(readFileSync(path.join(dir, file), 'latin1'))?.[1];
      if (count !== undefined) return Number(count);
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error;
    }
  }
  return 0;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
