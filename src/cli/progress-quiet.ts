import { visibleLine } from '../diagnostics/visible-text.ts';
import type { Output } from './command.ts';
import { OutputLines } from './output-lines.ts';
import type { Progress, ProgressEnvironment } from './progress.ts';

/** Lines of a failed step that are shown. */
const SHOWN_LINES = 20;

interface Step {
  readonly lines: Readonly<Record<'stdout' | 'stderr', OutputLines>>;
  readonly tail: string[];
}

/** Nothing at all, but the name and the last lines of a step that failed. */
export function createQuietProgress(
  out: Output,
  environment: Pick<ProgressEnvironment, 'hasColour'>,
): Progress {
  const keepsColour = environment.hasColour;
  const names = new Map<number, string>();
  const steps = new Map<number, Step>();
  const push = (step: Step, lines: readonly string[]): void => {
    step.tail.push(...lines);
    if (step.tail.length > SHOWN_LINES) step.tail.splice(0, step.tail.length - SHOWN_LINES);
  };
  const stepOf = (op: number): Step => {
    const step = steps.get(op) ?? {
      lines: { stdout: new OutputLines({ keepsColour }), stderr: new OutputLines({ keepsColour }) },
      tail: [],
    };
    steps.set(op, step);
    return step;
  };
  return {
    emit(event) {
      if (event.type === 'graph-planned') {
        for (const { op, name } of event.ops) names.set(op, name);
      } else if (event.type === 'op-output') {
        const step = stepOf(event.op);
        push(step, step.lines[event.stream].push(event.bytes));
      } else if (event.type === 'op-done') {
        steps.delete(event.op);
      } else if (event.type === 'op-failed') {
        const step = stepOf(event.op);
        push(step, [...step.lines.stdout.finish(), ...step.lines.stderr.finish()]);
        const name = visibleLine(names.get(event.op) ?? `step ${String(event.op)}`);
        out.write([`${name}:`, ...step.tail].map((line) => `${line}\n`).join(''));
      }
    },
    close: () => undefined,
  };
}
