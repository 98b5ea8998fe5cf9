import { isSeparator, isSpace, trimRange, type Range } from './white-space.ts';

/** A line taken apart: keyword, `--flags` directly after it, the rest. */
export interface SplitCommand {
  readonly keyword: Range;
  readonly flags: readonly FlagWord[];
  /** Trimmed. */
  readonly rest: Range;
}

/** A word that begins with `--`. Quotes and escapes are already taken out of `name` and `text`. */
export interface FlagWord {
  readonly range: Range;
  /** Without the dashes and what follows `=`. */
  readonly name: string;
  /** Where the value is written; undefined without `=`. */
  readonly value: { readonly range: Range; readonly text: string } | undefined;
}

/** Splits `text` within `range` as BuildKit's `splitCommand` does. */
export function splitCommand(text: string, range: Range, escape: string): SplitCommand {
  const { start, end } = trimRange(text, range);
  let keywordEnd = start;
  while (keywordEnd < end && !isSeparator(text.charCodeAt(keywordEnd))) keywordEnd++;
  const { flags, restStart } = readFlags(text, { start: keywordEnd, end }, escape);
  return {
    keyword: { start, end: keywordEnd },
    flags,
    rest: trimRange(text, { start: restStart, end }),
  };
}

function readFlags(
  text: string,
  { start, end }: Range,
  escape: string,
): { flags: FlagWord[]; restStart: number } {
  const flags: FlagWord[] = [];
  let at = start;
  for (;;) {
    while (at < end && isSpace(text.charCodeAt(at))) at++;
    if (!text.startsWith('--', at) || at + 1 >= end) return { flags, restStart: at };
    const word = readFlagWord(text, { start: at, end }, escape);
    at = word.range.end;
    // A bare `--` says that no flags follow.
    if (word.name === '' && word.value === undefined) return { flags, restStart: at };
    flags.push(word);
  }
}

function readFlagWord(text: string, { start, end }: Range, escape: string): FlagWord {
  let unquoted = '';
  let equals: { readonly source: number; readonly unquoted: number } | undefined;
  let quote = '';
  let at = start;
  for (; at < end; at++) {
    const character = text.charAt(at);
    if (quote === '' && isSpace(character.charCodeAt(0))) break;
    if (character === quote) {
      quote = '';
    } else if (quote === '' && (character === "'" || character === '"')) {
      quote = character;
    } else if (character === escape) {
      // Nothing is left to escape at the end of the line: the escape character is dropped.
      if (at + 1 < end) unquoted += text.charAt(++at);
    } else {
      if (character === '=') equals ??= { source: at, unquoted: unquoted.length };
      unquoted += character;
    }
  }
  const range = { start, end: Math.min(at, end) };
  if (equals === undefined) return { range, name: unquoted.slice(2), value: undefined };
  return {
    range,
    name: unquoted.slice(2, equals.unquoted),
    value: {
      range: { start: equals.source + 1, end: range.end },
      text: unquoted.slice(equals.unquoted + 1),
    },
  };
}
