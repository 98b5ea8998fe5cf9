import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { setTimeout } from 'node:timers/promises';
import { hasCode } from '../host/sys.ts';
import type { Launched } from './launcher/start.ts';

/**
 * Waits for a step. On abort: SIGTERM to each of its processes, SIGKILL after `timeoutMs`, at once
 * when none of them catches SIGTERM; then rejects with the signal's reason.
 */
export async function waitOrStop<T>(
  launched: Launched,
  ended: Promise<T>,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<T> {
  const stop = (): void => {
    void stopStep(launched, ended, timeoutMs);
  };
  signal.addEventListener('abort', stop, { once: true });
  try {
    if (signal.aborted) stop();
    const result = await ended;
    signal.throwIfAborted();
    return result;
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

async function stopStep(
  launched: Launched,
  ended: Promise<unknown>,
  timeoutMs: number,
): Promise<void> {
  const pids = processesBelow(launched.guardPid);
  for (const pid of pids) sendTerm(pid);
  if (timeoutMs > 0 && pids.some(catchesTerm)) {
    const timer = new AbortController();
    const over = ended.catch(() => undefined);
    const waited = setTimeout(timeoutMs, undefined, { signal: timer.signal }).catch(
      () => undefined,
    );
    await Promise.race([over, waited]);
    timer.abort();
  }
  launched.kill();
}

/** Processes of the step, as this process numbers them: all in a pid namespace below the guard's. */
function processesBelow(guardPid: number): number[] {
  const parents = new Map<number, number>();
  for (const name of readdirSync('/proc')) {
    if (!/^[0-9]+$/.test(name)) continue;
    const parent = parentOf(Number(name));
    if (parent !== undefined) parents.set(Number(name), parent);
  }
  const first = [...parents].find(([, parent]) => parent === guardPid)?.[0];
  if (first === undefined) return [];
  // Orphans go to pid 1 of their namespace, so all are descendants of the first.
  const isBelow = (pid: number, depth = 0): boolean => {
    if (pid === first) return true;
    const parent = parents.get(pid);
    return parent !== undefined && parent > 0 && depth < MAX_DEPTH && isBelow(parent, depth + 1);
  };
  return [...parents.keys()].filter((pid) => isBelow(pid) && !isRuntime(pid));
}

const MAX_DEPTH = 1000;

/** An OCI runtime in between shares our root; it must stay to clean up after the step. */
function isRuntime(pid: number): boolean {
  try {
    return /\/(runc|crun)$/.test(readlinkSync(`/proc/${pid}/exe`));
  } catch {
    return false;
  }
}

function parentOf(pid: number): number | undefined {
  const field = statusField(pid, 'PPid');
  return field === undefined ? undefined : Number(field);
}

const SIGTERM_BIT = 1n << 14n;

function catchesTerm(pid: number): boolean {
  const caught = statusField(pid, 'SigCgt');
  return caught !== undefined && (BigInt(`0x${caught}`) & SIGTERM_BIT) !== 0n;
}

function statusField(pid: number, name: string): string | undefined {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'latin1');
    return new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(status)?.[1];
  } catch (error) {
    // It ended meanwhile.
    if (hasCode(error, 'ENOENT', 'ESRCH')) return undefined;
    throw error;
  }
}

function sendTerm(pid: number): void {
  try {
    process.kill(pid, 'SIGTERM');
  } catch (error) {
    if (!hasCode(error, 'ESRCH')) throw error;
  }
}
