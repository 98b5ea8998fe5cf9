import { cutToWidth, textWidth } from '../diagnostics/visible-text.ts';
import { formatSeconds } from './format.ts';

/** One line of work in the redrawn block: a step of the graph, or a task beside it. */
export interface TtyRow {
  /** Visible text. */
  readonly name: string;
  state: 'running' | 'done' | 'cached' | 'failed';
  /** Milliseconds since the build began. */
  startedAt: number;
  endedAt: number | undefined;
  /** Why it has to run, when its inputs changed since the last time. */
  note: string | undefined;
  /** Bytes of a download and the like, as text, by what they are of. */
  readonly amounts: Map<string, string>;
  /** The last lines that it wrote. */
  readonly output: readonly string[];
}

/** What a frame shows. */
export interface TtyState {
  /** In order of start. */
  readonly rows: readonly TtyRow[];
  /** Steps and tasks that are known of. */
  readonly total: number;
  /** Milliseconds since the build began. */
  readonly elapsed: number;
  readonly isFinished: boolean;
}

export interface FrameSize {
  /** Cells per line. */
  readonly columns: number;
  /** Lines; the frame stays below. Infinity for the last frame, which scrolls. */
  readonly rows: number;
}

const SHOWN_OUTPUT_LINES = 6;
const NAME_MIN_CELLS = 10;
const BLUE = '\u001b[34m';
const RED = '\u001b[31m';
const RESET = '\u001b[0m';

/**
 * The block as lines without newlines, each fitting into the columns. Where they are too many, output
 * of steps goes first, then the oldest steps that are over; a line says how many.
 */
export function renderFrame(state: TtyState, size: FrameSize, hasColour: boolean): string[] {
  const finished = state.rows.filter(({ state }) => state !== 'running').length;
  // Steps that nobody needed, as a later one was cached, never begin.
  const total = state.isFinished ? state.rows.length : Math.max(state.total, state.rows.length);
  const suffix = state.isFinished ? ' FINISHED' : '';
  const count = `(${String(finished)}/${String(total)})`;
  const head = `[+] Building ${formatSeconds(state.elapsed)} ${count}${suffix}`;
  // The cursor stands on the line below the block.
  const room = Math.max(1, size.rows - 2);
  const shown = chooseRows(state.rows, room);
  const hidden = state.rows.length - shown.length;
  const lines = shown.map((row) => rowLines(row, state.elapsed, size.columns, hasColour));
  const free = room - shown.length - (hidden > 0 ? 1 : 0);
  const more = hidden > 0 ? [cutToWidth(` => … ${String(hidden)} more, done`, size.columns)] : [];
  return [cutToWidth(head, size.columns), ...more, ...withDetails(lines, free)];
}

interface RowLines {
  readonly line: string;
  readonly details: readonly string[];
}

/** As many rows as there is room for: what is running, then the latest. */
function chooseRows(rows: readonly TtyRow[], room: number): readonly TtyRow[] {
  if (rows.length <= room) return rows;
  // One line is for the number of those left out.
  let left = Math.max(1, room - 1);
  const chosen = new Set<TtyRow>();
  const latestFirst = rows.toReversed();
  const isOpen = (row: TtyRow): boolean => row.state === 'running' || row.state === 'failed';
  const inOrder = [...latestFirst.filter(isOpen), ...latestFirst.filter((row) => !isOpen(row))];
  for (const row of inOrder) {
    if (left === 0) break;
    chosen.add(row);
    left--;
  }
  return rows.filter((row) => chosen.has(row));
}

/** Details get the free lines, those of the latest rows first. */
function withDetails(rows: readonly RowLines[], free: number): string[] {
  let left = Math.max(0, free);
  const lines: string[] = [];
  for (const { line, details } of rows.toReversed()) {
    const kept = left === 0 ? [] : details.slice(-left);
    left -= kept.length;
    lines.unshift(line, ...kept);
  }
  return lines;
}

function rowLines(row: TtyRow, elapsed: number, columns: number, hasColour: boolean): RowLines {
  const word = { running: '', done: '', cached: 'CACHED ', failed: 'ERROR ' }[row.state];
  const time = formatSeconds((row.endedAt ?? elapsed) - row.startedAt);
  const room = Math.max(NAME_MIN_CELLS, columns - time.length - 1);
  const left = cutToWidth(` => ${word}${row.name}`, room);
  const text = cutToWidth(`${left}${' '.repeat(room - textWidth(left) + 1)}${time}`, columns);
  const colour = { running: '', done: BLUE, cached: BLUE, failed: RED }[row.state];
  const line = hasColour && colour !== '' ? `${colour}${text}${RESET}` : text;
  const note = row.note === undefined ? [] : [cutToWidth(` => => ${row.note}`, columns)];
  if (row.state !== 'running') return { line, details: note };
  const amounts = [...row.amounts].map(([what, amount]) => ` => => ${what}${amount}`);
  const output = row.output.slice(-SHOWN_OUTPUT_LINES).map((each) => ` => => # ${each}`);
  const details = [...amounts, ...output].map((each) => cutToWidth(each, columns));
  return { line, details: [...note, ...details] };
}
