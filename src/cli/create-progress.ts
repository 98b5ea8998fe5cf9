import { clockMs } from '../core/clock.ts';
import type { Output } from './command.ts';
import { createJsonProgress } from './progress-json.ts';
import { createPlainProgress } from './progress-plain.ts';
import { createQuietProgress } from './progress-quiet.ts';
import { createTtyProgress } from './progress-tty.ts';
import type { Progress, ProgressEnvironment, ProgressKind } from './progress.ts';

/** The display of the given kind, writing to `out`. */
export function createProgress(
  kind: ProgressKind,
  out: Output,
  environment: ProgressEnvironment,
): Progress {
  switch (kind) {
    case 'plain':
      return createPlainProgress(out, environment);
    case 'tty':
      return createTtyProgress(out, environment);
    case 'json':
      return createJsonProgress(out);
    case 'quiet':
      return createQuietProgress(out, environment);
    case 'none':
      return { emit: () => undefined, close: () => undefined };
    default:
      return kind satisfies never;
  }
}

/** What `auto` means: redrawn on a terminal that can move its cursor, plain everywhere else. */
export function chooseProgress(
  requested: ProgressKind | 'auto',
  out: Output,
  env: Readonly<Record<string, string | undefined>>,
): ProgressKind {
  if (requested !== 'auto') return requested;
  const canRedraw = out.isTerminal && env['TERM'] !== 'dumb' && out.size() !== undefined;
  return canRedraw ? 'tty' : 'plain';
}

/** The clock and the colours of this process. Any value of NO_COLOR but the empty one turns colours off (no-color.org). */
export function openProgressEnvironment(
  env: Readonly<Record<string, string | undefined>>,
): ProgressEnvironment {
  return {
    hasColour: (env['NO_COLOR'] ?? '') === '',
    now: clockMs,
    every(ms, callback) {
      const timer = setInterval(callback, ms);
      timer.unref();
      return () => {
        clearInterval(timer);
      };
    },
  };
}
