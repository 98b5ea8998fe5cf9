import { describe, expect, test } from 'vitest';
import { renderError } from '../diagnostics/render.ts';
import { BuildError } from '../diagnostics/build-error.ts';
import { parseArgv } from './argv.ts';
import { BUILD_FLAGS, type BuildFlagValues } from './build-flags.ts';
import { readStepLimits, readStepTimeout, readUlimits } from './limit-values.ts';

function flagsOf(line: readonly string[]): BuildFlagValues {
  const options = { command: 'stagecraft build', allowsFlagsAfterWords: true };
  return parseArgv(BUILD_FLAGS, line, options).flags;
}

function read(line: readonly string[]): object {
  const flags = flagsOf(line);
  return {
    ...readStepLimits(flags),
    ulimits: readUlimits(flags.ulimit),
    timeout: readStepTimeout(flags['step-timeout']),
  };
}

const NONE = { pids: 4096, ulimits: [], timeout: undefined };

describe('the flags for limits', () => {
  test.each<[readonly string[], object]>([
    [[], NONE],
    [['-m', '64m'], { ...NONE, memoryBytes: 67_108_864 }],
    [['-m', '0'], NONE],
    [
      ['--memory=64m', '--memory-swap=-1'],
      { ...NONE, memoryBytes: 67_108_864, memorySwapBytes: 'unlimited' },
    ],
    [
      ['--memory=64m', '--memory-swap=1g'],
      { ...NONE, memoryBytes: 67_108_864, memorySwapBytes: 1_073_741_824 },
    ],
    [['--cpus', '1.5'], { ...NONE, cpuQuotaUs: 150_000 }],
    [
      ['--cpu-quota', '5000', '--cpu-period', '10000'],
      { ...NONE, cpuQuotaUs: 5000, cpuPeriodUs: 10_000 },
    ],
    [
      ['-c', '512', '--cpuset-cpus', '0-1,3', '--cpuset-mems', '0'],
      { ...NONE, cpuShares: 512, cpusetCpus: '0-1,3', cpusetMems: '0' },
    ],
    [['--pids', '100'], { ...NONE, pids: 100 }],
    [['--pids', '-1'], { ...NONE, pids: undefined }],
    [['--cgroup-parent', '/a//b/'], { ...NONE, cgroupParent: 'a/b' }],
    [
      ['--ulimit', 'nofile=1024:4096', '--ulimit', 'core=unlimited', '--ulimit', 'nofile=5'],
      {
        ...NONE,
        ulimits: [
          { name: 'nofile', soft: 5, hard: 5 },
          { name: 'core', soft: -1, hard: -1 },
        ],
      },
    ],
    [['--step-timeout', '1h30m'], { ...NONE, timeout: 5_400_000 }],
  ])('%j', (line, expected) => {
    expect(read(line)).toEqual(expected);
  });

  test.each([
    [['-m', '1k'], 'Cannot use "1k" for "--memory": expected a size from "6m"'],
    [['-m', 'x'], 'Cannot use "x" for "--memory": expected a size from "6m"'],
    [['--memory-swap', '1g'], 'Cannot use "1g" for "--memory-swap": it needs "--memory" as well'],
    [
      ['-m', '1g', '--memory-swap', '1m'],
      'Cannot use "1m" for "--memory-swap": expected -1, or a size that is not less than "--memory"',
    ],
    [['--cpus', '0'], 'Cannot use "0" for "--cpus": expected a number from 0.01, as in "1.5"'],
    [['--cpus', '1e3'], 'Cannot use "1e3" for "--cpus": expected a number from 0.01, as in "1.5"'],
    [
      ['--cpus', '1', '--cpu-quota', '5000'],
      'Cannot use "1" for "--cpus": it says the same as "--cpu-quota" and "--cpu-period"',
    ],
    [
      ['--cpu-shares', '1'],
      'Cannot use "1" for "--cpu-shares": expected a whole number from 2 to 262144',
    ],
    [
      ['--cpuset-cpus', '0..2'],
      'Cannot use "0..2" for "--cpuset-cpus": expected numbers and ranges, as in "0-2,4"',
    ],
    [['--pids', '0'], 'Cannot use "0" for "--pids": expected a whole number from 1 to 4194304'],
    [
      ['--cgroup-parent', '/a/../b'],
      'Cannot use "/a/../b" for "--cgroup-parent": expected the path of a cgroup, without ".."',
    ],
    [
      ['--ulimit', 'nofile=9:1'],
      'Cannot use "nofile=9:1" for "--ulimit": the soft limit is more than the hard one',
    ],
    [
      ['--ulimit', 'files=1'],
      'Cannot use "files=1" for "--ulimit": expected NAME=SOFT[:HARD], NAME one of cpu, fsize, data, stack, core, rss, nproc, nofile, memlock, as, locks, sigpending, msgqueue, nice, rtprio, rttime',
    ],
    [
      ['--step-timeout', '10'],
      'Cannot use "10" for "--step-timeout": expected a time such as "10m"',
    ],
    [
      ['--step-timeout', '900h'],
      'Cannot use "900h" for "--step-timeout": expected a time from 1ms to 24 days',
    ],
  ])('%j is refused', (line, message) => {
    const failure = (): string => {
      try {
        return JSON.stringify(read(line));
      } catch (error) {
        if (error instanceof BuildError) return renderError(error);
        throw error;
      }
    };
    expect(failure()).toBe(`error[FLAG_VALUE_INVALID]: ${message}`);
  });
});
