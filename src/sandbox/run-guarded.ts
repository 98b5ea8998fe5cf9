import { startGuarded, type LaunchEnd } from './launcher/start.ts';
import type { LaunchProgram } from './launcher/program.ts';
import type { StepIo } from './step-io.ts';
import { waitOrStop } from './stop-step.ts';

/**
 * Starts a program that `beginGuarded` began with the descriptors of `stepIo`, and waits until its
 * processes are gone and what they wrote is read. `stepIo` is used up, also by a start that fails.
 * On abort: SIGTERM to the whole step, SIGKILL after `stopTimeoutMs`.
 *
 * @throws BuildError PROCESS_NOT_STARTED, or the signal's reason
 */
export async function runGuarded(
  program: LaunchProgram,
  stepIo: StepIo,
  stopTimeoutMs: number,
  signal: AbortSignal,
): Promise<LaunchEnd> {
  let launched;
  try {
    launched = startGuarded(program, stepIo.descriptors);
  } finally {
    stepIo.closeOurs();
  }
  const ended = Promise.all([launched.ended, stepIo.drained]).then(([end]) => end);
  return waitOrStop(launched, ended, stopTimeoutMs, signal);
}
