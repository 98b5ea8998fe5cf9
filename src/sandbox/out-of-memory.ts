import { readFileSync } from 'node:fs';
import type { ProcessExit } from './sandbox.ts';
import type { StepCgroup } from './step-cgroup.ts';

/** Tells afterwards whether a process that was killed was killed for want of memory. */
export interface MemoryWatch {
  /**
   * Marks an end by SIGKILL as lack of memory: exactly where the step has a cgroup with a limit. Else when
   * the count of the whole kernel rose since; that may be another process, so it is a likely cause.
   */
  explain(exit: ProcessExit, cgroup: Pick<StepCgroup, 'outOfMemoryKills'> | undefined): ProcessExit;
}

/** Begins to watch. Call it before the process starts. */
export function watchMemory(): MemoryWatch {
  const killsBefore = readOomKills();
  return {
    explain(exit, cgroup) {
      const wasKilled =
        exit.kind === 'signaled' ? exit.signal === 'SIGKILL' : exit.status === SIGKILL_STATUS;
      if (!wasKilled) return exit;
      const own = cgroup?.outOfMemoryKills();
      const isOutOfMemory =
        own === undefined
          ? killsBefore !== undefined && (readOomKills() ?? 0) > killsBefore
          : own > 0;
      return isOutOfMemory ? { ...exit, isOutOfMemory } : exit;
    },
  };
}

const SIGKILL_STATUS = 137;

/** How often the kernel has killed for want of memory since it started. Undefined where it does not tell. */
function readOomKills(): number | undefined {
  try {
    const count = /^oom_kill (\d+)$/m.exec(readFileSync('/proc/vmstat', 'latin1'))?.[1];
    return count === undefined ? undefined : Number(count);
  } catch {
    return undefined;
  }
}
