import { readFileSync } from 'node:fs';
import type { ProcessExit } from './sandbox.ts';

/** How often the kernel has killed for want of memory since it started. Undefined where it does not tell. */
export function readOomKills(): number | undefined {
  try {
    const count = /^oom_kill (\d+)$/m.exec(readFileSync('/proc/vmstat', 'latin1'))?.[1];
    return count === undefined ? undefined : Number(count);
  } catch {
    return undefined;
  }
}

const SIGKILL_STATUS = 137;

/**
 * Marks an end by SIGKILL as lack of memory when the kernel's count rose since `killsBefore`. Another
 * process of the host may have been meant, so this is a likely cause, to be worded as one.
 */
export function withOutOfMemory(exit: ProcessExit, killsBefore: number | undefined): ProcessExit {
  const wasKilled =
    exit.kind === 'signaled' ? exit.signal === 'SIGKILL' : exit.status === SIGKILL_STATUS;
  if (!wasKilled || killsBefore === undefined) return exit;
  const isOutOfMemory = (readOomKills() ?? 0) > killsBefore;
  return isOutOfMemory ? { ...exit, isOutOfMemory } : exit;
}
