import type { Span } from '../diagnostics/source.ts';
import type { Comment, Flag, Word } from './ast.ts';
import type { Report } from './errors.ts';
import type { HeredocWord } from './heredoc.ts';
import { readJsonForm, type JsonForm } from './json-array.ts';
import { spanOf, wordOf, type LogicalLine } from './logical-line.ts';
import { splitCommand, type FlagWord } from './split-command.ts';
import type { Range } from './white-space.ts';

/** A heredoc with its body still as written. */
export interface HeredocBody extends HeredocWord {
  /** Every line with its line ending, tabs not removed. */
  readonly body: string;
  readonly span: Span;
}

/** One instruction before its own rules are applied: what every kind of instruction starts from. */
export interface InstructionRequest {
  readonly line: LogicalLine;
  /** Lower case. */
  readonly name: string;
  /** Upper case, for messages. */
  readonly label: string;
  readonly keyword: Word;
  readonly flagWords: readonly FlagWord[];
  /** Arguments after the flags, trimmed. */
  readonly rest: Range;
  /** What the arguments are if the instruction has a JSON form. */
  readonly json: JsonForm;
  readonly heredocs: readonly HeredocBody[];
  /** False if a heredoc that the line announces has no end or no readable name; this was reported. */
  readonly hasAllHeredocs: boolean;
  readonly escape: '\\' | '`';
  readonly report: Report;
  /** The fields that every AST node has. */
  readonly base: {
    readonly keyword: Word;
    readonly span: Span;
    readonly original: string;
    readonly comments: readonly Comment[];
    readonly flags: readonly Flag[];
  };
}

/** Instructions whose whole arguments may be a JSON array. */
const JSON_INSTRUCTIONS = new Set(['add', 'cmd', 'copy', 'entrypoint', 'run', 'shell', 'volume']);
const NO_JSON: JsonForm = { kind: 'none' };

/** An instruction without heredocs, from a range of a line. */
export function openRequest(
  line: LogicalLine,
  range: Range,
  context: {
    readonly escape: '\\' | '`';
    readonly comments: readonly Comment[];
    readonly report: Report;
  },
): InstructionRequest {
  const { text } = line;
  const split = splitCommand(text, range, context.escape);
  const keyword = wordOf(line, split.keyword);
  const name = keyword.raw.toLowerCase();
  const end = Math.max(split.keyword.end, split.rest.end);
  return {
    line,
    name,
    label: keyword.raw.toUpperCase(),
    keyword,
    flagWords: split.flags,
    rest: split.rest,
    json: JSON_INSTRUCTIONS.has(name) ? readJsonForm(text, split.rest) : NO_JSON,
    heredocs: [],
    hasAllHeredocs: true,
    escape: context.escape,
    report: context.report,
    base: {
      keyword,
      span: spanOf(line, { start: split.keyword.start, end }),
      original: text.slice(split.keyword.start, end),
      comments: context.comments,
      flags: split.flags.map((flag) => flagOf(line, flag)),
    },
  };
}

/** The same instruction with the heredocs that were found below it. */
export function withHeredocs(
  request: InstructionRequest,
  heredocs: readonly HeredocBody[],
  hasAllHeredocs: boolean,
): InstructionRequest {
  const end = heredocs.at(-1)?.span.end ?? request.base.span.end;
  return {
    ...request,
    heredocs,
    hasAllHeredocs,
    base: { ...request.base, span: { ...request.base.span, end } },
  };
}

function flagOf(line: LogicalLine, flag: FlagWord): Flag {
  return {
    name: flag.name,
    value: flag.value === undefined ? undefined : wordOf(line, flag.value.range),
    span: spanOf(line, flag.range),
  };
}
