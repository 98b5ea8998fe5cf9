import { renderDiagnostic } from '../diagnostics/render.ts';
import { textWidth, visibleLine, visibleText } from '../diagnostics/visible-text.ts';
import type { BuildEvent, StageMeasure, WrittenImage } from '../events/event.ts';
import { renderStageTable, renderWrittenImage } from './build-summary.ts';
import type { Output } from './command.ts';
import { formatBytes } from './format.ts';
import { OutputLines } from './output-lines.ts';
import type { Progress, ProgressEnvironment } from './progress.ts';
import { renderMiss } from './render-miss.ts';
import { renderRepeats } from './render-repeats.ts';
import { renderFrame, type TtyRow } from './tty-frame.ts';

const FRAME_MS = 100;
/** Lines of a step that are kept for the case that it fails. */
const KEPT_LINES = 400;
const FALLBACK_SIZE = { columns: 80, rows: 24 };
const HIDE_CURSOR = '\u001b[?25l';
const SHOW_CURSOR = '\u001b[?25h';
const ERASE_BELOW = '\u001b[J';

/**
 * A block at the bottom of the terminal that is drawn anew, in the form of BuildKit's. What has to stay
 * (warnings, notes) goes above it. One write per frame, so that nothing flickers.
 */
export function createTtyProgress(out: Output, environment: ProgressEnvironment): Progress {
  const display = new TtyDisplay(out, environment);
  return {
    emit: (event) => {
      display.show(event);
    },
    suspend: () => display.suspend(),
    close: () => {
      display.close();
    },
  };
}

interface Step extends TtyRow {
  readonly output: string[];
  readonly streams: Readonly<Record<'stdout' | 'stderr', OutputLines>>;
}

class TtyDisplay {
  readonly #out: Output;
  readonly #environment: ProgressEnvironment;
  readonly #startedAt: number;
  readonly #names = new Map<number, string>();
  readonly #steps = new Map<string, Step>();
  readonly #images: WrittenImage[] = [];
  readonly #stop: (() => void)[];
  #tasks = 0;
  #stages: readonly StageMeasure[] = [];
  /** Cells of each line of the frame on the screen. */
  #drawn: readonly number[] = [];
  #isDirty = false;
  #isSuspended = false;

  constructor(out: Output, environment: ProgressEnvironment) {
    this.#out = out;
    this.#environment = environment;
    this.#startedAt = environment.now();
    this.#stop = [
      environment.every(FRAME_MS, () => {
        this.#tick();
      }),
      out.onResize(() => {
        this.#draw('', false);
      }),
    ];
  }

  show(event: BuildEvent): void {
    this.#isDirty = true;
    switch (event.type) {
      case 'diagnostic':
        this.#draw(`${renderDiagnostic(event.diagnostic)}\n\n`, false);
        return;
      case 'note':
        this.#draw(`${visibleText(event.text)}\n`, false);
        return;
      case 'graph-planned':
        for (const { op, name } of event.ops) this.#names.set(op, name);
        return;
      case 'task-started':
        this.#tasks++;
        this.#start(`task ${event.task}`, event.name, event.at);
        return;
      case 'task-progress':
        setAmount(this.#step(`task ${event.task}`), '', event);
        return;
      case 'task-done':
        end(this.#step(`task ${event.task}`), 'done', event.at);
        return;
      case 'stages-measured':
        this.#stages = event.stages;
        return;
      case 'image-written':
        this.#images.push(event.image);
        return;
      case 'builds-compared':
        return;
      default:
        this.#showOp(event);
    }
  }

  /** The whole block once more, all steps in it, then what was made and what a failed step wrote. */
  close(): void {
    for (const stop of this.#stop) stop();
    const failed = [...this.#steps.values()].filter(({ state }) => state === 'failed');
    this.#draw('', true);
    const outputs = failed
      .filter(({ output }) => output.length > 0)
      .map(({ name, output }) => ['------', ` > ${name}:`, ...output, '------', ''].join('\n'));
    const images = this.#images.map((image) => `${renderWrittenImage(image)}\n`);
    const table = renderStageTable(this.#stages);
    const text = [...outputs, table === '' ? '' : `\n${table}`, ...images].join('');
    if (text !== '') this.#out.write(text);
  }

  /** Leaves the frame as it is and begins a new one below afterwards. */
  suspend(): () => void {
    this.#draw('', false);
    this.#drawn = [];
    this.#isSuspended = true;
    return () => {
      this.#isSuspended = false;
    };
  }

  #showOp(event: Extract<BuildEvent, { readonly op: number }>): void {
    const key = `op ${String(event.op)}`;
    const at = 'at' in event ? event.at : 0;
    const step = this.#steps.get(key) ?? this.#start(key, this.#names.get(event.op) ?? key, at);
    switch (event.type) {
      case 'op-started':
        step.startedAt = event.at;
        return;
      case 'op-missed':
        // On a first build it would say the same of every step.
        if (event.because.kind !== 'never-built') step.note = renderMiss(event.because);
        return;
      case 'op-cached':
        end(step, 'cached', event.at);
        return;
      case 'op-output':
        keep(step, step.streams[event.stream].push(event.bytes));
        return;
      case 'op-progress':
        setAmount(step, `${visibleLine(event.what)} `, event);
        return;
      case 'op-repeats':
        this.#draw(`${step.name}: ${renderRepeats(event)}\n`, false);
        return;
      case 'op-done':
      case 'op-failed':
        keep(step, [...step.streams.stdout.finish(), ...step.streams.stderr.finish()]);
        end(step, event.type === 'op-done' ? 'done' : 'failed', event.at);
        return;
      default:
        event satisfies never;
    }
  }

  #tick(): void {
    const isRunning = [...this.#steps.values()].some(({ state }) => state === 'running');
    if (this.#isDirty || isRunning) this.#draw('', false);
  }

  #draw(above: string, isFinished: boolean): void {
    if (this.#isSuspended) return;
    const size = this.#out.size() ?? FALLBACK_SIZE;
    const { hasColour } = this.#environment;
    const state = {
      rows: [...this.#steps.values()],
      total: this.#names.size + this.#tasks,
      elapsed: this.#environment.now() - this.#startedAt,
      isFinished,
    };
    const room = isFinished ? { columns: size.columns, rows: Infinity } : size;
    const lines = renderFrame(state, room, hasColour);
    // A narrower terminal has broken the lines on the screen into several.
    const height = this.#drawn.reduce(
      (sum, cells) => sum + Math.max(1, Math.ceil(cells / size.columns)),
      0,
    );
    const back = height === 0 ? '' : `\u001b[${String(height)}A`;
    const block = lines.map((line) => `${line}\n`).join('');
    this.#out.write(`${HIDE_CURSOR}${back}\r${ERASE_BELOW}${above}${block}${SHOW_CURSOR}`);
    this.#drawn = lines.map((line) => textWidth(line.replaceAll(/\u001b\[[0-9;]*m/g, '')));
    this.#isDirty = false;
  }

  #step(key: string): Step {
    return this.#steps.get(key) ?? this.#start(key, key, 0);
  }

  #start(key: string, untrustedName: string, at: number): Step {
    const streams = {
      stdout: new OutputLines({ keepsColour: false }),
      stderr: new OutputLines({ keepsColour: false }),
    };
    const step: Step = {
      name: visibleLine(untrustedName),
      state: 'running',
      startedAt: at,
      endedAt: undefined,
      note: undefined,
      amounts: new Map(),
      output: [],
      streams,
    };
    this.#steps.set(key, step);
    return step;
  }
}

function keep(step: Step, lines: readonly string[]): void {
  step.output.push(...lines);
  if (step.output.length > KEPT_LINES) step.output.splice(0, step.output.length - KEPT_LINES);
}

function end(step: Step, state: TtyRow['state'], at: number): void {
  step.state = state;
  step.endedAt = at;
}

function setAmount(
  step: Step,
  what: string,
  { current, total }: { readonly current: number; readonly total: number | undefined },
): void {
  const amount =
    total === undefined ? String(current) : `${formatBytes(current)} / ${formatBytes(total)}`;
  step.amounts.set(what, amount);
}
