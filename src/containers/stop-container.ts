import { setTimeout } from 'node:timers/promises';
import { hasCode } from '../host/sys.ts';
import {
  findRecord,
  observeState,
  readRecord,
  removeRecord,
  type ContainerRecord,
} from './container-record.ts';
import { containerRunning } from './errors.ts';

/**
 * Ends a container: SIGTERM to its processes, SIGKILL when `timeoutMs` is over. One that does not run is
 * left as it is. Resolves when all its processes are gone.
 *
 * @throws BuildError CONTAINER_NOT_FOUND
 */
export async function stopContainer(
  root: string,
  name: string,
  timeoutMs: number,
  signal: AbortSignal,
): Promise<ContainerRecord> {
  const record = findRecord(root, name);
  const state = observeState(record);
  if (state.kind !== 'running') return record;
  kill(state.pid, 'SIGTERM');
  const deadline = performance.now() + timeoutMs;
  let isKilled = false;
  while (observeState(record).kind === 'running') {
    // With its supervisor the kernel kills everything in the container.
    if (!isKilled && performance.now() > deadline) {
      kill(state.pid, 'SIGKILL');
      isKilled = true;
    }
    await setTimeout(POLL_MS, undefined, { signal });
  }
  return readRecord(root, record.id) ?? record;
}

/**
 * Removes a container and its log; with `isForced` also one that runs.
 * @throws BuildError CONTAINER_NOT_FOUND, CONTAINER_RUNNING
 */
export async function removeContainer(
  root: string,
  name: string,
  isForced: boolean,
  signal: AbortSignal,
): Promise<ContainerRecord> {
  const record = findRecord(root, name);
  if (observeState(record).kind === 'running') {
    if (!isForced) throw containerRunning(record.name);
    await stopContainer(root, record.id, 0, signal);
  }
  removeRecord(root, record.id);
  return record;
}

/** Processes that are not our children can only be looked at. */
const POLL_MS = 20;

function kill(pid: number, name: 'SIGTERM' | 'SIGKILL'): void {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (!hasCode(error, 'ESRCH')) throw error;
  }
}
