import { lineAndColumn } from '../diagnostics/render.ts';
import type { Span } from '../diagnostics/source.ts';
import { visibleLine } from '../diagnostics/visible-text.ts';
import type { DockerfileAst } from '../dockerfile/ast.ts';
import { allInstructions } from '../dockerfile/lint/lint-file.ts';

/** First and last line of something, from 1. */
export interface LineRange {
  readonly start: number;
  readonly end: number;
}

/** The lines of the whole instruction that a finding is about, as BuildKit reports places. */
export function instructionLines(ast: DockerfileAst, span: Span): LineRange {
  for (const { span: whole, comments } of allInstructions(ast)) {
    const start = comments[0]?.span.start ?? whole.start;
    if (span.start >= start && span.start < whole.end) return linesOf(whole);
  }
  return linesOf(span);
}

/** The lines that a span touches. */
export function linesOf({ file, start, end }: Span): LineRange {
  return {
    start: lineAndColumn(file.text, start).line,
    end: lineAndColumn(file.text, Math.max(start, end - 1)).line,
  };
}

const RULER = '--------------------';
/** Lines around a place that are shown, on both sides together. */
const AROUND_ONE_LINE = 4;
const AROUND_SEVERAL = 2;

/** Lines of a file with marks, in the form that `docker build` prints them. Ends with a newline. */
export function renderExcerpt(file: Span['file'], marked: LineRange): string {
  const lines = file.text.split('\n');
  const last = Math.min(marked.end, lines.length);
  const shown = widened({ start: marked.start, end: last }, lines.length);
  const rows = lines.slice(shown.start - 1, shown.end).map((text, i) => {
    const number = shown.start + i;
    const mark = number >= marked.start && number <= last ? '>>>' : '   ';
    return ` ${String(number).padStart(3)} | ${mark} ${visibleLine(text)}`;
  });
  const head = `${visibleLine(file.path)}:${String(marked.start)}`;
  return `${[head, RULER, ...rows, RULER].join('\n')}\n`;
}

/** Takes lines from above and below in turns. At the ends of the file fewer are shown. */
function widened({ start, end }: LineRange, lineCount: number): LineRange {
  const wanted = start === end ? AROUND_ONE_LINE : AROUND_SEVERAL;
  let range = { start, end };
  for (let turns = 0; turns < wanted; turns++) {
    if (range.start > 1) {
      range = { ...range, start: range.start - 1 };
      turns++;
    }
    if (range.end < lineCount) {
      range = { ...range, end: range.end + 1 };
      turns++;
    }
  }
  return range;
}
