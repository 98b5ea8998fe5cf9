import type { SourceFile, Span } from '../diagnostics/source.ts';
import type { Comment } from './ast.ts';
import { readDirective, type DirectiveState } from './directives.ts';
import { lineTooLong, unterminatedHeredoc, type Report } from './errors.ts';
import type { HeredocWord } from './heredoc.ts';
import type { HeredocBody } from './instruction-request.ts';
import { emptyContinuation } from './lint/no-empty-continuation.ts';
import type { LogicalLine } from './logical-line.ts';
import { skipSpace, trimRange, trimSpace, type Range } from './white-space.ts';

/** Bytes in one line of the file, without its newline; the size of the buffer BuildKit reads into. */
const MAX_LINE_BYTES = 65_535;

/** An instruction as text, with the comments directly above it. */
export interface InstructionLine {
  readonly line: LogicalLine;
  readonly comments: readonly Comment[];
}

/** Reads a Dockerfile line by line: directives, comments, continuations, heredoc bodies. */
export class LineReader {
  readonly directives: DirectiveState = { found: [], escape: '\\', isDone: false };
  /** All comments of the file up to here. */
  readonly comments: Comment[] = [];
  readonly #file: SourceFile;
  readonly #report: Report;
  #at: number;

  constructor(file: SourceFile, report: Report) {
    this.#file = file;
    this.#report = report;
    this.#at = file.text.startsWith('\uFEFF') ? 1 : 0;
  }

  /** The next instruction, undefined at the end of the file. */
  next(): InstructionLine | undefined {
    let above: Comment[] = [];
    for (;;) {
      const physical = this.#nextLine();
      if (physical === undefined) return undefined;
      const { text } = this.#file;
      const start = skipSpace(text, physical.start, physical.end);
      const isDirective = readDirective(
        this.directives,
        this.#file,
        { start, end: physical.end },
        this.#report,
      );
      if (isDirective || start === physical.end) continue;
      if (text.charAt(start) !== '#') {
        return { line: this.#joinLines({ start, end: physical.end }), comments: above };
      }
      const comment = this.#keepComment({ start, end: physical.end });
      // An empty comment cuts the ones above it off from the instruction.
      if (comment.text === '') above = [];
      else above.push(comment);
    }
  }

  /** The body of a heredoc, which begins on the line after the instruction. */
  readHeredoc(word: HeredocWord, owner: { label: string; span: Span }): HeredocBody | undefined {
    const { text } = this.#file;
    const bodyStart = this.#at;
    for (;;) {
      const lineStart = this.#at;
      const physical = this.#nextLine();
      if (physical === undefined) {
        this.#report(unterminatedHeredoc(owner.label, word.name, owner.span));
        return undefined;
      }
      let start = physical.start;
      if (word.isChomped) while (text.charAt(start) === '\t') start++;
      if (text.slice(start, physical.end) !== word.name) continue;
      const span = { file: this.#file, start: bodyStart, end: physical.end };
      return { ...word, body: text.slice(bodyStart, lineStart), span };
    }
  }

  /** The next line of the file without its line ending. */
  #nextLine(): Range | undefined {
    const { text } = this.#file;
    const start = this.#at;
    if (start >= text.length) return undefined;
    const newline = text.indexOf('\n', start);
    let end = newline < 0 ? text.length : newline;
    this.#at = newline < 0 ? text.length : newline + 1;
    if (isLongerThan(text, { start, end }, MAX_LINE_BYTES)) {
      this.#report(lineTooLong(MAX_LINE_BYTES, { file: this.#file, start, end: start }));
    }
    while (end > start && text.charAt(end - 1) === '\r') end--;
    return { start, end };
  }

  #joinLines(first: Range): LogicalLine {
    const { text } = this.#file;
    const pieces: string[] = [];
    const starts: number[] = [];
    const offsets: number[] = [];
    let length = 0;
    let emptyLine: Range | undefined;
    let physical: Range | undefined = first;
    for (;;) {
      const { end, isContinued } = this.#trimContinuation(physical);
      starts.push(length);
      offsets.push(physical.start);
      pieces.push(text.slice(physical.start, end));
      length += end - physical.start;
      if (!isContinued) break;
      physical = this.#nextContinuation((line) => (emptyLine ??= line));
      if (physical === undefined) break;
    }
    if (emptyLine !== undefined)
      this.#report(emptyContinuation({ file: this.#file, ...emptyLine }));
    return { file: this.#file, text: pieces.join(''), starts, offsets };
  }

  /** The next line of a continued instruction; comments and blank lines are passed over. */
  #nextContinuation(onEmpty: (line: Range) => void): Range | undefined {
    const { text } = this.#file;
    for (;;) {
      const physical = this.#nextLine();
      if (physical === undefined) return undefined;
      const start = skipSpace(text, physical.start, physical.end);
      if (start === physical.end) onEmpty(physical);
      else if (text.charAt(start) === '#') this.#keepComment({ start, end: physical.end });
      else return physical;
    }
  }

  /**
   * A line is continued if its last character apart from blanks is the escape character, and there is
   * no other one before it. Both the character and the blanks are dropped.
   */
  #trimContinuation({ start, end }: Range): { end: number; isContinued: boolean } {
    const { text } = this.#file;
    const { escape } = this.directives;
    let last = end - 1;
    while (last >= start && (text.charAt(last) === ' ' || text.charAt(last) === '\t')) last--;
    const isContinued =
      last >= start &&
      text.charAt(last) === escape &&
      (last === start || text.charAt(last - 1) !== escape);
    return { end: isContinued ? last : end, isContinued };
  }

  #keepComment(range: Range): Comment {
    const { end } = trimRange(this.#file.text, range);
    const comment: Comment = {
      text: trimSpace(this.#file.text.slice(range.start + 1, end)),
      span: { file: this.#file, start: range.start, end },
    };
    this.comments.push(comment);
    return comment;
  }
}

/** Whether a range has more than `limit` bytes in UTF-8. */
export function isLongerThan(text: string, { start, end }: Range, limit: number): boolean {
  // One UTF-16 unit is at most three bytes.
  if ((end - start) * 3 <= limit) return false;
  return end - start > limit || utf8Length(text, { start, end }) > limit;
}

/** Bytes in UTF-8. A lone surrogate counts as U+FFFD. */
export function utf8Length(text: string, { start, end }: Range): number {
  let bytes = 0;
  for (let at = start; at < end; at++) {
    const code = text.codePointAt(at) ?? 0;
    if (code > 0xffff) at++;
    bytes += code < 0x80 ? 1 : code < 0x800 ? 2 : code < 0x10000 ? 3 : 4;
  }
  return bytes;
}
