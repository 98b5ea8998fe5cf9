import { nearest } from '../core/suggest.ts';
import type { Word } from './ast.ts';
import { duplicateFlag, missingFlagValue, notBoolean, unknownFlag } from './errors.ts';
import type { InstructionRequest } from './instruction-request.ts';
import { spanOf, wordOf } from './logical-line.ts';
import type { FlagWord } from './split-command.ts';

/** `switch`: `--x`, `--x=true`, `--x=false`. `text`: `--x=v`, once. `list`: `--x=v`, any number. */
export type FlagKind = 'switch' | 'text' | 'list';

/** Values of the flags that passed the checks; quotes and escapes are taken out of `raw`. */
export interface CheckedFlags {
  readonly switches: ReadonlyMap<string, boolean>;
  readonly texts: ReadonlyMap<string, Word>;
  readonly lists: ReadonlyMap<string, readonly Word[]>;
}

/** Longer words are no misspelt flags; comparing them would cost time for nothing. */
const MAX_SUGGESTION_LENGTH = 40;

/** The candidate the user may have meant, by `nearest`, for words of a sane length. */
export function suggestion(word: string, candidates: Iterable<string>): string | undefined {
  return word.length > MAX_SUGGESTION_LENGTH ? undefined : nearest(word, candidates);
}

/** Checks the flags of an instruction against the ones it knows and reports every wrong one. */
export function checkFlags(
  request: InstructionRequest,
  known: Readonly<Record<string, FlagKind>>,
): CheckedFlags {
  const switches = new Map<string, boolean>();
  const texts = new Map<string, Word>();
  const lists = new Map<string, Word[]>();
  for (const flag of request.flagWords) {
    const kind = Object.hasOwn(known, flag.name) ? known[flag.name] : undefined;
    const { name, value } = flag;
    if (kind === undefined) {
      reportUnknown(request, flag, Object.keys(known));
    } else if (switches.has(name) || texts.has(name)) {
      request.report(duplicateFlag(request.label, `--${name}`, spanOf(request.line, flag.range)));
    } else if (kind === 'switch') {
      const on = readSwitch(request, flag);
      if (on !== undefined) switches.set(name, on);
    } else if (value === undefined) {
      reportMissing(request, flag);
    } else {
      const word = wordOf(request.line, value.range, value.text);
      if (kind === 'text') texts.set(name, word);
      else pushTo(lists, name, word);
    }
  }
  return { switches, texts, lists };
}

function pushTo(lists: Map<string, Word[]>, name: string, word: Word): void {
  const list = lists.get(name);
  if (list === undefined) lists.set(name, [word]);
  else list.push(word);
}

function readSwitch(request: InstructionRequest, flag: FlagWord): boolean | undefined {
  const { value } = flag;
  if (value === undefined) return true;
  switch (value.text.toLowerCase()) {
    case 'true':
      return true;
    case 'false':
      return false;
    case '':
      reportMissing(request, flag);
      return undefined;
    default: {
      const span = spanOf(request.line, flag.range);
      request.report(notBoolean(request.label, `--${flag.name}`, value.text, span));
      return undefined;
    }
  }
}

function reportMissing(request: InstructionRequest, flag: FlagWord): void {
  const span = spanOf(request.line, flag.range);
  request.report(missingFlagValue(request.label, `--${flag.name}`, span));
}

function reportUnknown(request: InstructionRequest, flag: FlagWord, known: string[]): void {
  const span = spanOf(request.line, flag.range);
  const similar = suggestion(flag.name, known);
  request.report(unknownFlag(request.label, `--${flag.name}`, span, similar));
}
