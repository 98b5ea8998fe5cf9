import { renderDiagnostic } from '../diagnostics/render.ts';
import { visibleLine, visibleText } from '../diagnostics/visible-text.ts';
import type { BuildEvent, StageMeasure, WrittenImage } from '../events/event.ts';
import { renderStageTable, renderWrittenImage } from './build-summary.ts';
import type { Output } from './command.ts';
import { formatBytes, formatSeconds } from './format.ts';
import { OutputLines } from './output-lines.ts';
import type { Progress, ProgressEnvironment } from './progress.ts';
import { renderMiss } from './render-miss.ts';
import { renderRepeats } from './render-repeats.ts';

/** Lines of a failed step that are repeated at the end, where they are easy to find. */
const REPEATED_LINES = 20;
/** A long download or copy says where it is at most this often. */
const PROGRESS_EVERY_MS = 5_000;

/**
 * One line per thing that happens, for logs: each step has a number, every line of a step starts with
 * it. The form is that of BuildKit's plain progress.
 */
export function createPlainProgress(
  out: Output,
  environment: Pick<ProgressEnvironment, 'hasColour' | 'now'>,
): Progress {
  const display = new PlainDisplay(out, environment);
  return {
    emit: (event) => {
      display.show(event);
    },
    close: () => {
      display.close();
    },
  };
}

interface Step {
  readonly number: number;
  readonly name: string;
  startedAt: number;
  readonly lines: Readonly<Record<'stdout' | 'stderr', OutputLines>>;
  readonly tail: string[];
  toldAt: number;
}

class PlainDisplay {
  readonly #out: Output;
  readonly #environment: Pick<ProgressEnvironment, 'hasColour' | 'now'>;
  readonly #names = new Map<number, string>();
  readonly #steps = new Map<string, Step>();
  readonly #failed: Step[] = [];
  readonly #images: WrittenImage[] = [];
  #stages: readonly StageMeasure[] = [];

  constructor(out: Output, environment: Pick<ProgressEnvironment, 'hasColour' | 'now'>) {
    this.#out = out;
    this.#environment = environment;
  }

  show(event: BuildEvent): void {
    switch (event.type) {
      case 'diagnostic':
        this.#out.write(`${renderDiagnostic(event.diagnostic)}\n\n`);
        return;
      case 'note':
        this.#out.write(`${visibleText(event.text)}\n\n`);
        return;
      case 'graph-planned':
        for (const op of event.ops) this.#names.set(op.op, op.name);
        return;
      case 'task-started':
        this.#start(`task ${event.task}`, event.name, event.at);
        return;
      case 'task-progress':
        this.#tellProgress(this.#step(`task ${event.task}`), '', event);
        return;
      case 'task-done': {
        const step = this.#step(`task ${event.task}`);
        if (event.detail !== undefined) this.#line(step, visibleLine(event.detail));
        this.#line(step, `DONE ${formatSeconds(event.at - step.startedAt)}`);
        this.#out.write('\n');
        return;
      }
      case 'stages-measured':
        this.#stages = event.stages;
        return;
      case 'image-written':
        this.#images.push(event.image);
        return;
      // The task says it, and the error.
      case 'builds-compared':
        return;
      default:
        this.#showOp(event);
    }
  }

  close(): void {
    for (const step of this.#failed) {
      this.#out.write(`------\n > ${step.name}:\n`);
      for (const line of step.tail) this.#out.write(`${line}\n`);
      this.#out.write('------\n');
    }
    this.#failed.length = 0;
    this.#out.write(renderStageTable(this.#stages));
    for (const image of this.#images) this.#out.write(`${renderWrittenImage(image)}\n`);
  }

  #showOp(event: Extract<BuildEvent, { readonly op: number }>): void {
    const step = this.#opStep(event.op, 'at' in event ? event.at : 0);
    switch (event.type) {
      case 'op-started':
        step.startedAt = event.at;
        return;
      case 'op-cached':
        this.#line(step, 'CACHED');
        this.#out.write('\n');
        return;
      case 'op-missed':
        this.#line(step, renderMiss(event.because));
        return;
      case 'op-output':
        for (const line of step.lines[event.stream].push(event.bytes)) {
          this.#outputLine(step, line, event.at);
        }
        return;
      case 'op-progress':
        this.#tellProgress(step, `${visibleLine(event.what)} `, event);
        return;
      case 'op-repeats':
        this.#line(step, renderRepeats(event));
        return;
      case 'op-done':
        this.#finishLines(step, event.at);
        this.#line(step, `DONE ${formatSeconds(event.at - step.startedAt)}`);
        this.#out.write('\n');
        return;
      case 'op-failed':
        this.#finishLines(step, event.at);
        this.#line(step, `ERROR: ${visibleText(event.error.message)}`);
        this.#out.write('\n');
        if (step.tail.length > 0) this.#failed.push(step);
        return;
      default:
        event satisfies never;
    }
  }

  #finishLines(step: Step, at: number): void {
    for (const stream of ['stdout', 'stderr'] as const) {
      for (const line of step.lines[stream].finish()) this.#outputLine(step, line, at);
    }
  }

  #outputLine(step: Step, line: string, at: number): void {
    const text = `${(Math.max(0, at - step.startedAt) / 1000).toFixed(3)} ${line}`;
    step.tail.push(text);
    if (step.tail.length > REPEATED_LINES) step.tail.shift();
    this.#line(step, text);
  }

  #tellProgress(
    step: Step,
    what: string,
    { current, total }: { readonly current: number; readonly total: number | undefined },
  ): void {
    const now = this.#environment.now();
    if (now - step.toldAt < PROGRESS_EVERY_MS) return;
    step.toldAt = now;
    const amount =
      total === undefined ? String(current) : `${formatBytes(current)} / ${formatBytes(total)}`;
    this.#line(step, `${what}${amount}`);
  }

  #line(step: Step, text: string): void {
    this.#out.write(`#${String(step.number)} ${text}\n`);
  }

  #opStep(op: number, at: number): Step {
    const key = `op ${String(op)}`;
    return this.#steps.get(key) ?? this.#start(key, this.#names.get(op) ?? key, at);
  }

  #step(key: string): Step {
    return this.#steps.get(key) ?? this.#start(key, key, 0);
  }

  #start(key: string, untrustedName: string, at: number): Step {
    const keepsColour = this.#environment.hasColour;
    const step: Step = {
      number: this.#steps.size + 1,
      name: visibleLine(untrustedName),
      startedAt: at,
      lines: { stdout: new OutputLines({ keepsColour }), stderr: new OutputLines({ keepsColour }) },
      tail: [],
      toldAt: this.#environment.now(),
    };
    this.#steps.set(key, step);
    this.#line(step, step.name);
    return step;
  }
}
