import { existsSync, readFileSync, rmdirSync } from 'node:fs';
import path from 'node:path';
import { expect, test } from 'vitest';
import { CGROUP_ROOT } from './cgroups.ts';
import { cgroupProblem, openStepCgroup } from './step-cgroup.ts';
import { limitResources, neededControllers, type StepLimits } from './step-limits.ts';

const LIMITS: StepLimits = {
  memoryBytes: 64 * 1024 * 1024,
  cpuQuotaUs: 50_000,
  cpuShares: 512,
  cpusetCpus: '0',
  pids: 100,
};

/** First file of each pair that is there: version 1 calls it thus, version 2 so. */
function readFirst(dirs: readonly string[], ...names: readonly string[]): string {
  const files = dirs.flatMap((dir) => names.map((name) => path.join(dir, name)));
  return readFileSync(files.find((file) => existsSync(file)) ?? 'none', 'latin1').trim();
}

test.skipIf(cgroupProblem(LIMITS) !== undefined)(
  'openStepCgroup() writes each limit, below the parent, and takes its cgroups away',
  () => {
    const cgroupParent = `stagecraft-test-parent-${process.pid}`;
    const cgroup = openStepCgroup('x', { ...LIMITS, cgroupParent });
    const dirs = cgroup.entrances.map((file) => path.dirname(file));
    expect(dirs.every((dir) => path.dirname(dir).endsWith(cgroupParent))).toBe(true);
    expect(readFirst(dirs, 'memory.limit_in_bytes', 'memory.max')).toBe(String(LIMITS.memoryBytes));
    expect(readFirst(dirs, 'cpu.cfs_quota_us', 'cpu.max')).toMatch(/^50000/);
    expect(readFirst(dirs, 'cpu.cfs_period_us', 'cpu.max')).toMatch(/100000$/);
    expect(readFirst(dirs, 'cpu.shares', 'cpu.weight')).toMatch(/^(512|20)$/);
    expect(readFirst(dirs, 'cpuset.cpus')).toBe('0');
    expect(readFirst(dirs, 'pids.max')).toBe('100');
    expect(cgroup.outOfMemoryKills()).toBe(0);
    cgroup[Symbol.dispose]();
    expect(dirs.filter((dir) => existsSync(dir))).toEqual([]);
    for (const dir of new Set(dirs.map((one) => path.dirname(one)))) rmdirSync(dir);
  },
);

test.skipIf(cgroupProblem({ pids: 1 }) !== undefined)(
  'cgroupProblem() names what is missing',
  () => {
    expect(cgroupProblem({ pids: 1, cgroupParent: 'a\0b' })).toBe(
      'the kernel says ERR_INVALID_ARG_VALUE',
    );
    expect(existsSync(path.join(CGROUP_ROOT, 'a'))).toBe(false);
  },
);

test('no limits need no cgroups', () => {
  expect(openStepCgroup('x', {}).entrances).toEqual([]);
  expect(openStepCgroup('x', {}).outOfMemoryKills()).toBeUndefined();
});

test('neededControllers() names those that limits need', () => {
  expect(neededControllers({})).toEqual([]);
  expect(neededControllers(LIMITS)).toEqual(['memory', 'cpu', 'cpuset', 'pids']);
  expect(neededControllers({ cpuShares: 2 })).toEqual(['cpu']);
});

test('limitResources() is the form of the runtime specification, memory without swap', () => {
  expect(limitResources({})).toEqual({});
  expect(limitResources(LIMITS)).toEqual({
    memory: { limit: 67_108_864, swap: 67_108_864 },
    cpu: { quota: 50_000, period: 100_000, shares: 512, cpus: '0', mems: undefined },
    pids: { limit: 100 },
  });
  expect(limitResources({ memoryBytes: 5, memorySwapBytes: 9 })).toEqual({
    memory: { limit: 5, swap: 9 },
  });
  expect(limitResources({ memoryBytes: 5, memorySwapBytes: 'unlimited' })).toEqual({
    memory: { limit: 5, swap: -1 },
  });
});
