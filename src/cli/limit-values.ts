import { parseDuration } from '../core/duration.ts';
import { parseByteSize } from '../dockerfile/go-values.ts';
import { RESOURCE_LIMITS, type ResourceLimit, type ResourceLimitName } from '../sandbox/sandbox.ts';
import { DEFAULT_CPU_PERIOD_US, DEFAULT_PIDS, type StepLimits } from '../sandbox/step-limits.ts';
import type { BuildFlagValues } from './build-flags.ts';
import { badFlagValue } from './errors.ts';

/** Less than this no process can start with (Docker's own minimum). */
const MIN_MEMORY_BYTES = 6 * 1024 * 1024;
const MAX_PIDS = 4_194_304;
const MAX_CPUS = 10_000;
const MAX_TIMEOUT_MS = 2 ** 31 - 1;

/** The flags that limit what steps use. @throws BuildError FLAG_VALUE_INVALID */
export function readStepLimits(flags: BuildFlagValues): StepLimits {
  return {
    memoryBytes: readMemory(flags.memory),
    memorySwapBytes: readSwap(flags['memory-swap'], flags.memory),
    ...readCpu(flags),
    cpuShares: readWhole('--cpu-shares', flags['cpu-shares'], 2, 262_144),
    cpusetCpus: readNumberList('--cpuset-cpus', flags['cpuset-cpus']),
    cpusetMems: readNumberList('--cpuset-mems', flags['cpuset-mems']),
    pids: readPids(flags.pids),
    cgroupParent: readCgroupParent(flags['cgroup-parent']),
  };
}

function readMemory(text: string | undefined): number | undefined {
  if (text === undefined || text === '0') return undefined;
  const bytes = parseByteSize(text);
  if (bytes !== undefined && bytes >= MIN_MEMORY_BYTES) return bytes;
  throw badFlagValue('--memory', text, 'expected a size from "6m"');
}

function readSwap(
  text: string | undefined,
  memory: string | undefined,
): StepLimits['memorySwapBytes'] {
  if (text === undefined || text === '0') return undefined;
  const flag = '--memory-swap';
  const total = readMemory(memory);
  if (total === undefined) throw badFlagValue(flag, text, 'it needs "--memory" as well');
  if (text === '-1') return 'unlimited';
  const bytes = parseByteSize(text);
  if (bytes !== undefined && bytes >= total) return bytes;
  throw badFlagValue(flag, text, 'expected -1, or a size that is not less than "--memory"');
}

/** `--cpus 1.5`, or quota and period in microseconds. */
function readCpu(flags: BuildFlagValues): Pick<StepLimits, 'cpuQuotaUs' | 'cpuPeriodUs'> {
  const cpuPeriodUs = readWhole('--cpu-period', flags['cpu-period'], 1000, 1_000_000);
  const quota = flags['cpu-quota'] === '-1' ? undefined : flags['cpu-quota'];
  const cpuQuotaUs = readWhole('--cpu-quota', quota, 1000, 2 ** 40);
  const { cpus } = flags;
  if (cpus === undefined) return { cpuQuotaUs, cpuPeriodUs };
  if (cpuQuotaUs !== undefined || cpuPeriodUs !== undefined) {
    throw badFlagValue('--cpus', cpus, 'it says the same as "--cpu-quota" and "--cpu-period"');
  }
  const number = /^\d{1,5}(\.\d{1,9})?$/.test(cpus) ? Number(cpus) : 0;
  if (number < 0.01 || number > MAX_CPUS) {
    throw badFlagValue('--cpus', cpus, 'expected a number from 0.01, as in "1.5"');
  }
  return { cpuQuotaUs: Math.round(number * DEFAULT_CPU_PERIOD_US), cpuPeriodUs: undefined };
}

function readPids(text: string | undefined): number | undefined {
  if (text === '-1' || text === 'unlimited') return undefined;
  return readWhole('--pids', text, 1, MAX_PIDS) ?? DEFAULT_PIDS;
}

function readWhole(
  flag: string,
  text: string | undefined,
  min: number,
  max: number,
): number | undefined {
  if (text === undefined) return undefined;
  const number = /^\d{1,15}$/.test(text) ? Number(text) : -1;
  if (number >= min && number <= max) return number;
  throw badFlagValue(flag, text, `expected a whole number from ${String(min)} to ${String(max)}`);
}

/** cpuset(7): numbers and ranges. Whether there are such processors, the kernel says. */
function readNumberList(flag: string, text: string | undefined): string | undefined {
  if (text === undefined) return undefined;
  if (/^\d{1,6}(-\d{1,6})?(,\d{1,6}(-\d{1,6})?){0,1000}$/.test(text)) return text;
  throw badFlagValue(flag, text, 'expected numbers and ranges, as in "0-2,4"');
}

function readCgroupParent(text: string | undefined): string | undefined {
  if (text === undefined || text === '') return undefined;
  const names = text.split('/').filter((name) => name !== '');
  const isGood = names.every((name) => name !== '.' && name !== '..' && !/[\0\n]/.test(name));
  if (isGood && names.length > 0) return names.join('/');
  throw badFlagValue('--cgroup-parent', text, 'expected the path of a cgroup, without ".."');
}

/** `--ulimit NAME=SOFT[:HARD]`; -1 or `unlimited` is no limit. Of several of one name the last counts. */
export function readUlimits(values: readonly string[]): ResourceLimit[] {
  const limits = values.map((text): [ResourceLimitName, ResourceLimit] => {
    const [, word = '', softText = '', hardText = softText] =
      /^([a-z]+)=(-1|unlimited|\d{1,15})(?::(-1|unlimited|\d{1,15}))?$/.exec(text) ?? [];
    const name = resourceName(word);
    if (name === undefined) {
      const names = Object.keys(RESOURCE_LIMITS).join(', ');
      throw badFlagValue('--ulimit', text, `expected NAME=SOFT[:HARD], NAME one of ${names}`);
    }
    const [soft, hard] = [limitNumber(softText), limitNumber(hardText)];
    if (hard !== -1 && (soft === -1 || soft > hard)) {
      throw badFlagValue('--ulimit', text, 'the soft limit is more than the hard one');
    }
    return [name, { name, soft, hard }];
  });
  return [...new Map(limits).values()];
}

function resourceName(word: string): ResourceLimitName | undefined {
  const names = Object.keys(RESOURCE_LIMITS) as ResourceLimitName[];
  return names.find((name) => name === word);
}

function limitNumber(text: string): number {
  return text === 'unlimited' ? -1 : Number(text);
}

/** `--step-timeout 10m`, in milliseconds. */
export function readStepTimeout(text: string | undefined): number | undefined {
  if (text === undefined || text === '0') return undefined;
  const parsed = parseDuration(text);
  if (!parsed.ok) throw badFlagValue('--step-timeout', text, 'expected a time such as "10m"');
  const ms = Math.round(parsed.nanoseconds / 1e6);
  if (ms >= 1 && ms <= MAX_TIMEOUT_MS) return ms;
  throw badFlagValue('--step-timeout', text, 'expected a time from 1ms to 24 days');
}
