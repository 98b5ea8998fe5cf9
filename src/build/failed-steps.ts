import { visibleText } from '../diagnostics/visible-text.ts';
import type { Emit } from '../events/event.ts';
import type { FailedStep } from '../exec/failed-step.ts';
import type { FailureRequest } from './request.ts';
import type { BuildHost } from './build-image.ts';

/** Lines of a failed step that are shown before its shell. */
const SHOWN_LINES = 20;

/**
 * What is done with a step that failed, before what it had is taken away: files are saved, a shell is
 * opened. One step at a time; of several that fail, the first gets the shell.
 */
export function createFailureHandler(
  request: FailureRequest,
  host: BuildHost,
  signal: AbortSignal,
): ((step: FailedStep) => Promise<void>) | undefined {
  if (!request.opensShell && request.exports.length === 0) return undefined;
  let turn = Promise.resolve();
  let hasShell = false;
  return (step) => {
    const mine = turn.then(async () => {
      if (signal.aborted) return;
      await saveFiles(step, request, host, signal);
      if (!request.opensShell || hasShell) return;
      hasShell = true;
      await openShell(step, host, signal);
    });
    // The next step that fails waits, whatever becomes of this one.
    turn = mine.catch(() => undefined);
    return mine;
  };
}

async function saveFiles(
  step: FailedStep,
  { exports }: FailureRequest,
  host: BuildHost,
  signal: AbortSignal,
): Promise<void> {
  if (exports.length === 0) return;
  const { exportFailedStep } = await import('./export-failed-step.ts');
  for (const wanted of exports) {
    await exportFailedStep(step, wanted, { ...host, note: noteTo(host.emit) }, signal);
  }
}

async function openShell(step: FailedStep, host: BuildHost, signal: AbortSignal): Promise<void> {
  const { findShell, runShell } = await import('../exec/step-shell.ts');
  const note = noteTo(host.emit);
  const { terminal } = host;
  const shell = findShell(step.files, host.searchPath);
  if (shell === undefined || terminal === undefined) {
    note(
      'No shell: the image has none, and this host has no static busybox (package busybox-static)',
    );
    return;
  }
  const lines = step.output.trimEnd().split('\n').slice(-SHOWN_LINES);
  note(
    [
      ...lines.map((line) => visibleText(line)),
      step.error.message,
      `A shell in the place of this step (${shell.origin}); the build ends when you leave it`,
    ].join('\n'),
  );
  await terminal.borrow((isTerminal) => runShell(step, shell, isTerminal, signal));
}

function noteTo(emit: Emit): (text: string) => void {
  return (text) => {
    emit({ type: 'note', text });
  };
}
