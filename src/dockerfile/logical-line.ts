import type { SourceFile, Span } from '../diagnostics/source.ts';
import type { Word } from './ast.ts';
import type { Range } from './white-space.ts';

/**
 * One instruction as one line: continuations joined, comments and blank lines dropped. It remembers
 * where each piece came from, so that a range of `text` can be shown in the file.
 */
export interface LogicalLine {
  readonly file: SourceFile;
  readonly text: string;
  /** Index in `text` at which each piece begins; ascending, the first is 0. */
  readonly starts: readonly number[];
  /** Offset in `file.text` of each piece. */
  readonly offsets: readonly number[];
}

/** Where a range of the line stands in the file. An empty range gives an empty span. */
export function spanOf(line: LogicalLine, { start, end }: Range): Span {
  const from = sourceOffset(line, start);
  // The end belongs to the piece of its last character, not to the piece that comes after it.
  const to = end > start ? sourceOffset(line, end - 1) + 1 : from;
  return { file: line.file, start: from, end: to };
}

/** A word of the line; `raw` where the meaning is not the text as written (unquoted flags, JSON). */
export function wordOf(line: LogicalLine, range: Range, raw?: string): Word {
  return { raw: raw ?? line.text.slice(range.start, range.end), span: spanOf(line, range) };
}

function sourceOffset({ starts, offsets }: LogicalLine, index: number): number {
  let low = 0;
  let high = starts.length - 1;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if ((starts[middle] ?? 0) <= index) low = middle;
    else high = middle - 1;
  }
  return (offsets[low] ?? 0) + (index - (starts[low] ?? 0));
}
