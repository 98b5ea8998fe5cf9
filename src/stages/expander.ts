import { nearestForBuildKit } from '../core/suggest.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { Span } from '../diagnostics/source.ts';
import type { Word } from '../dockerfile/ast.ts';
import {
  expandWord,
  expandWords,
  type Expansion,
  type ExpansionFailure,
} from '../dockerfile/expand.ts';
import { undefinedFromArgument } from '../dockerfile/lint/undefined-arg-in-from.ts';
import { undefinedVariable } from '../dockerfile/lint/undefined-var.ts';
import { expansionFailed } from './errors.ts';
import type { Variables } from './planned-step.ts';

/** Text after expansion, and the variables in it that are not set. */
interface Expanded {
  readonly text: string;
  readonly unset: readonly string[];
}

/** Expansion by the rules of one Dockerfile. `word`, `words` and `body` throw BuildError EXPANSION_FAILED. */
export interface Expander {
  /** One word in, one text out. */
  word(word: Word, variables: Variables): Expanded;
  /** One word in; the values of variables may split it into several. */
  words(word: Word, variables: Variables): { words: readonly string[]; unset: readonly string[] };
  /** The body of a heredoc: quotes stay, and only a backslash escapes. */
  body(content: string, span: Span, variables: Variables): Expanded;
  /** One value of `RUN --mount`; the parser of mounts reports what fails. */
  value(raw: string, variables: Variables): Expansion | ExpansionFailure;
  /** For step names: what cannot be expanded stays as it is. */
  title(text: string, variables: Variables, options: { readonly isCommand: boolean }): string;
}

export function createExpander(escape: '\\' | '`'): Expander {
  return {
    word(word, variables) {
      const result = expandWord(word.raw, (name) => variables.get(name), { escape });
      if (!result.ok) throw failure(word, result);
      return { text: result.text, unset: result.undefinedVariables };
    },
    words(word, variables) {
      const result = expandWords(word.raw, (name) => variables.get(name), { escape });
      if (!result.ok) throw failure(word, result);
      return { words: result.words, unset: result.undefinedVariables };
    },
    body(content, span, variables) {
      const lookup = (name: string): string | undefined => variables.get(name);
      const result = expandWord(content, lookup, { escape: '\\', ignoresQuotes: true });
      if (!result.ok) throw failure({ raw: firstLine(content), span }, result);
      return { text: result.text, unset: result.undefinedVariables };
    },
    value: (raw, variables) => expandWord(raw, (name) => variables.get(name), { escape }),
    title(text, variables, { isCommand }) {
      const options = { escape, keepsQuotes: isCommand, keepsUnset: isCommand };
      const result = expandWord(text, (name) => variables.get(name), options);
      return result.ok ? result.text : text;
    },
  };
}

function failure({ raw, span }: Word, { message }: ExpansionFailure): Error {
  return expansionFailed(raw, message, span);
}

function firstLine(text: string): string {
  return text.split('\n', 1)[0] ?? '';
}

/** How many names a suggestion is looked for in; comparing takes time for each of them. */
const MAX_CANDIDATES = 100;

/** The warnings that BuildKit calls UndefinedVar. */
export function undefinedVariables(
  unset: readonly string[],
  variables: Variables,
  span: Span,
): Diagnostic[] {
  return [...new Set(unset)].map((name) => {
    const similar = similarName(name, variables.keys(), variables.size);
    return undefinedVariable(name, similar, span);
  });
}

function similarName(name: string, names: Iterable<string>, count: number): string | undefined {
  return count > MAX_CANDIDATES ? undefined : nearestForBuildKit(name, names);
}

/** The warning that BuildKit calls UndefinedArgInFrom. */
export function undefinedFromArguments(
  unset: readonly string[],
  known: ReadonlySet<string>,
  span: Span,
): Diagnostic[] {
  const names = [...new Set(unset)].filter((name) => !known.has(name));
  return names.map((name) =>
    undefinedFromArgument(name, similarName(name, known, known.size), span),
  );
}
