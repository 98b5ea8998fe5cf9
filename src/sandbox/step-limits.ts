/** What steps may use of the host, kept by control groups. Undefined: as much as this process may. */
export interface StepLimits {
  /** Bytes. Swap is not on top of it unless `memorySwapBytes` says so. */
  readonly memoryBytes?: number | undefined;
  /** Bytes of memory and swap together, as with Docker; `unlimited` is all the swap there is. */
  readonly memorySwapBytes?: number | 'unlimited' | undefined;
  /** Microseconds of processor time in each period of `cpuPeriodUs`, 100,000 by default. */
  readonly cpuQuotaUs?: number | undefined;
  readonly cpuPeriodUs?: number | undefined;
  /** Weight beside others, 2 to 262144; 1024 is what all have. */
  readonly cpuShares?: number | undefined;
  /** `0-2,4`: processors. */
  readonly cpusetCpus?: string | undefined;
  /** `0,1`: memory nodes. */
  readonly cpusetMems?: string | undefined;
  /** Processes and threads at the same time. */
  readonly pids?: number | undefined;
  /** The cgroup below which those of steps are made, without `..`. Undefined: the root. */
  readonly cgroupParent?: string | undefined;
}

/** Processes that a step may have when nobody says: a fork bomb stops there, and `make -j` does not. */
export const DEFAULT_PIDS = 4096;

/** Where no period is named (cpu.cfs_period_us, cpu.max). */
export const DEFAULT_CPU_PERIOD_US = 100_000;

/** The `resources` of an OCI runtime's configuration, without devices. */
export function limitResources(limits: StepLimits): object {
  const { memoryBytes, cpuQuotaUs, cpuShares, cpusetCpus, cpusetMems, pids } = limits;
  const hasCpu = [cpuQuotaUs, cpuShares, cpusetCpus, cpusetMems].some((it) => it !== undefined);
  return {
    ...(memoryBytes === undefined
      ? {}
      : { memory: { limit: memoryBytes, swap: totalMemory(limits, memoryBytes) } }),
    ...(hasCpu
      ? {
          cpu: {
            quota: cpuQuotaUs,
            period: cpuQuotaUs === undefined ? undefined : cpuPeriod(limits),
            shares: cpuShares,
            cpus: cpusetCpus,
            mems: cpusetMems,
          },
        }
      : {}),
    ...(pids === undefined ? {} : { pids: { limit: pids } }),
  };
}

/** The `resources` that only cgroup version 2 has. */
export function unifiedResources({ memoryBytes }: StepLimits): object {
  // A step that lost one of its processes is not worth going on with.
  return memoryBytes === undefined ? {} : { unified: { 'memory.oom.group': '1' } };
}

/** Memory and swap together, -1 for no limit: the numbers that the kernel and runtimes take. */
export function totalMemory(limits: StepLimits, memoryBytes: number): number {
  const { memorySwapBytes } = limits;
  return memorySwapBytes === 'unlimited' ? -1 : (memorySwapBytes ?? memoryBytes);
}

/** Microseconds. */
export function cpuPeriod(limits: StepLimits): number {
  return limits.cpuPeriodUs ?? DEFAULT_CPU_PERIOD_US;
}

/** Names of the controllers that `limits` need, in a fixed order. */
export function neededControllers(limits: StepLimits): Controller[] {
  const { memoryBytes, cpuQuotaUs, cpuShares, cpusetCpus, cpusetMems, pids } = limits;
  const needs = {
    memory: memoryBytes !== undefined,
    cpu: cpuQuotaUs !== undefined || cpuShares !== undefined,
    cpuset: cpusetCpus !== undefined || cpusetMems !== undefined,
    pids: pids !== undefined,
  };
  return CONTROLLERS.filter((name) => needs[name]);
}

const CONTROLLERS = ['memory', 'cpu', 'cpuset', 'pids'] as const;

/** A controller of cgroups(7). */
export type Controller = (typeof CONTROLLERS)[number];
