import { CLEAN_ENV } from '../host/child-process.ts';
import { beginGuarded, launcherArchitecture, type LaunchEnd } from './launcher/start.ts';
import type { LaunchProgram } from './launcher/program.ts';
import { runGuarded } from './run-guarded.ts';
import { openStepIo } from './step-io.ts';

/** A program of the host that serves a build and must not outlive it. */
export interface HostHelper {
  /** Absolute path. */
  readonly program: string;
  readonly args: readonly string[];
  /** Path of the user namespace that it runs in; undefined is the one of this process. */
  readonly userNamespace?: string | undefined;
  /** Adds what has to be done before, in namespaces of mounts and process ids that are the helper's own. */
  readonly prepare?: (program: LaunchProgram) => void;
}

/** How long a helper may take to clean up. */
const STOP_TIMEOUT_MS = 1_000;

/**
 * Runs `helper` with a clean environment, below a guard that ends it with this process, even one that is
 * killed. An abort of `signal` is how it is meant to end: SIGTERM, then SIGKILL.
 *
 * @throws BuildError PROCESS_NOT_STARTED
 */
export async function runHostHelper(
  helper: HostHelper,
  onOutput: (stream: 'stdout' | 'stderr', bytes: Uint8Array) => void,
  signal: AbortSignal,
): Promise<LaunchEnd | undefined> {
  const architecture = launcherArchitecture(process.arch);
  // Steps cannot run here either, so nobody gets this far.
  if (architecture === undefined) throw new TypeError(`No launcher for ${process.arch}`);
  const program = beginGuarded(architecture, 0, process.pid, helper.userNamespace);
  helper.prepare?.(program);
  program.call('chdir', ['/'], 'changing the directory');
  const env = Object.entries(CLEAN_ENV).map(([name, value]) => `${name}=${value}`);
  const argv = [helper.program, ...helper.args];
  program.call('execve', [helper.program, argv, env], `starting ${helper.program}`);
  const io = openStepIo({
    kind: 'captured',
    onOutput,
  });
  try {
    return await runGuarded(program, io, STOP_TIMEOUT_MS, signal);
  } catch (error) {
    if (signal.aborted) return undefined;
    throw error;
  }
}
