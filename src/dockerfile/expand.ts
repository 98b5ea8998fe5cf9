import {
  ShellPatternError,
  parseShellPattern,
  replaceMatches,
  trimPrefix,
  trimSuffix,
} from './shell-pattern.ts';
import { characterAt, variableNameAt } from './variable-name.ts';
import { WordList } from './word-list.ts';

/** The value of a variable, undefined when it is not set. */
export type VariableLookup = (name: string) => string | undefined;

export interface ExpandOptions {
  /** From the `# escape=` directive; a backslash if left out. */
  readonly escape?: '\\' | '`' | undefined;
  /** Quotes work but stay in the result. ENV values in the history are shown so. */
  readonly keepsQuotes?: boolean | undefined;
  /** Escape characters work but stay in the result. */
  readonly keepsEscapes?: boolean | undefined;
  /** References to variables that are not set stay as they are instead of becoming "". */
  readonly keepsUnset?: boolean | undefined;
  /** Quotes are ordinary characters: bodies of heredocs. */
  readonly ignoresQuotes?: boolean | undefined;
}

interface Names {
  /** Variables that were looked up and found, each once, in order. */
  readonly usedVariables: readonly string[];
  /** Variables that were looked up and not set, each once, also those with a default. */
  readonly undefinedVariables: readonly string[];
}

export interface Expansion extends Names {
  readonly ok: true;
  readonly text: string;
}

export interface WordsExpansion extends Names {
  readonly ok: true;
  /** Never empty strings. */
  readonly words: readonly string[];
}

/** `message` is the reason alone, as BuildKit words it; the caller adds what it was expanding. */
export interface ExpansionFailure {
  readonly ok: false;
  readonly message: string;
}

/** `${a:-${b:-…}}` deeper than this is an error, so that no input can exhaust the stack. */
const MAX_NESTING = 500;
/** UTF-16 units. `ENV a=$a$a` doubles with every line; something has to stop it. */
const MAX_EXPANDED_LENGTH = 4 * 1024 * 1024;

/**
 * Replaces variables, removes quotes and escapes. One text in, one text out: spaces in values do not
 * split it. Semantics of BuildKit's `shell.Lex.ProcessWord` (frontend/dockerfile/shell/lex.go), with
 * two differences: the replacement in `${v//p/r}` is literal, and nesting and length have limits.
 */
export function expandWord(
  raw: string,
  lookup: VariableLookup,
  options: ExpandOptions = {},
): Expansion | ExpansionFailure {
  return run(raw, lookup, options, (lexer) => ({ text: readUntil(lexer, undefined, undefined) }));
}

/** As `expandWord`, but split at white space that is not quoted, also at that inside values. */
export function expandWords(
  raw: string,
  lookup: VariableLookup,
  options: ExpandOptions = {},
): WordsExpansion | ExpansionFailure {
  return run(raw, lookup, options, (lexer) => {
    const list = new WordList();
    readUntil(lexer, undefined, list);
    return { words: list.finish() };
  });
}

interface Lexer {
  readonly text: string;
  readonly escape: string;
  readonly lookup: VariableLookup;
  readonly options: ExpandOptions;
  readonly used: Set<string>;
  readonly unset: Set<string>;
  at: number;
  depth: number;
  keepsEscapes: boolean;
}

/** Only thrown and caught in this file. */
class ExpandError extends Error {}

function run<T extends object>(
  text: string,
  lookup: VariableLookup,
  options: ExpandOptions,
  read: (lexer: Lexer) => T,
): (T & Names & { readonly ok: true }) | ExpansionFailure {
  const lexer: Lexer = {
    text,
    escape: options.escape ?? '\\',
    lookup,
    options,
    used: new Set(),
    unset: new Set(),
    at: 0,
    depth: 0,
    keepsEscapes: options.keepsEscapes ?? false,
  };
  try {
    const value = read(lexer);
    return {
      ok: true,
      ...value,
      usedVariables: [...lexer.used],
      undefinedVariables: [...lexer.unset],
    };
  } catch (error) {
    if (error instanceof ExpandError) return { ok: false, message: error.message };
    throw error;
  }
}

/** Reads up to `stop`, which is swallowed, or to the end of the text if `stop` is undefined. */
function readUntil(lexer: Lexer, stop: '}' | '/' | undefined, words: WordList | undefined): string {
  const { text, escape } = lexer;
  const hasQuotes = lexer.options.ignoresQuotes !== true;
  let result = '';
  while (lexer.at < text.length) {
    const character = text.charAt(lexer.at);
    let piece: string;
    if (character === stop) {
      lexer.at++;
      return result;
    } else if (character === '$') {
      piece = readDollar(lexer);
      words?.addSplitting(piece);
    } else if (hasQuotes && (character === "'" || character === '"')) {
      piece = character === "'" ? readSingleQuotes(lexer) : readDoubleQuotes(lexer);
      words?.add(piece);
    } else if (character === escape) {
      piece = readEscaped(lexer);
      words?.add(piece);
    } else if (words !== undefined && text.startsWith('<<', lexer.at)) {
      piece = readHeredocOperator(lexer);
      words.add(piece);
    } else {
      piece = readPlain(lexer, stop);
      words?.addSplitting(piece);
    }
    result += piece;
    if (result.length > MAX_EXPANDED_LENGTH) throw tooLong();
  }
  if (stop !== undefined) {
    throw new ExpandError(`unexpected end of statement while looking for matching ${stop}`);
  }
  return result;
}

/** One character or more up to the next special one. */
function readPlain(lexer: Lexer, stop: string | undefined): string {
  const { text, escape } = lexer;
  const start = lexer.at++;
  while (lexer.at < text.length) {
    const character = text.charAt(lexer.at);
    if (character === stop || character === escape || `$'"<`.includes(character)) break;
    lexer.at++;
  }
  return text.slice(start, lexer.at);
}

function readEscaped(lexer: Lexer): string {
  const kept = lexer.keepsEscapes ? lexer.escape : '';
  const escaped = lexer.text.charAt(lexer.at + 1);
  lexer.at += 2;
  return kept + escaped;
}

/** `<<` and the blanks after it belong to the same word as the delimiter. */
function readHeredocOperator(lexer: Lexer): string {
  const start = lexer.at;
  lexer.at += 2;
  while (lexer.at < lexer.text.length && ' \t\r'.includes(lexer.text.charAt(lexer.at))) lexer.at++;
  return lexer.text.slice(start, lexer.at);
}

function readSingleQuotes(lexer: Lexer): string {
  const end = lexer.text.indexOf("'", lexer.at + 1);
  if (end < 0) {
    lexer.at = lexer.text.length;
    throw new ExpandError('unexpected end of statement while looking for matching single-quote');
  }
  const inner = lexer.text.slice(lexer.at + 1, end);
  lexer.at = end + 1;
  return lexer.options.keepsQuotes === true ? `'${inner}'` : inner;
}

function readDoubleQuotes(lexer: Lexer): string {
  const { text, escape } = lexer;
  const quote = lexer.options.keepsQuotes === true ? '"' : '';
  let result = quote;
  lexer.at++;
  while (lexer.at < text.length) {
    const character = text.charAt(lexer.at);
    if (character === '"') {
      lexer.at++;
      return result + quote;
    }
    if (character === '$') {
      result += readDollar(lexer);
      if (result.length > MAX_EXPANDED_LENGTH) throw tooLong();
    } else if (character === escape) {
      result += readEscapedInQuotes(lexer);
    } else {
      result += readPlain(lexer, '"');
    }
  }
  throw new ExpandError('unexpected end of statement while looking for matching double-quote');
}

/** Between double quotes the escape character works before `"`, `$` and itself; else it is literal. */
function readEscapedInQuotes(lexer: Lexer): string {
  const kept = lexer.keepsEscapes ? lexer.escape : '';
  const next = lexer.text.charAt(lexer.at + 1);
  lexer.at++;
  if (next === '') return kept;
  if (next !== '"' && next !== '$' && next !== lexer.escape) return kept + lexer.escape;
  lexer.at++;
  return kept + next;
}

function readDollar(lexer: Lexer): string {
  lexer.at++;
  if (lexer.text.charAt(lexer.at) !== '{') {
    const name = readName(lexer);
    if (name === '') return '$';
    return valueOf(lexer, name) ?? (lexer.options.keepsUnset === true ? `$${name}` : '');
  }
  if (lexer.depth >= MAX_NESTING) {
    throw new ExpandError(`substitutions are nested more than ${MAX_NESTING} levels deep`);
  }
  lexer.depth++;
  lexer.at++;
  const value = readBraces(lexer);
  lexer.depth--;
  return value;
}

/** What follows `${`. */
function readBraces(lexer: Lexer): string {
  const first = lexer.text.charAt(lexer.at);
  if (first === '') throw new ExpandError("syntax error: missing '}'");
  if ('{}:'.includes(first)) throw new ExpandError('syntax error: bad substitution');
  const name = readName(lexer);
  const operator = takeCharacter(lexer);
  switch (operator) {
    case '':
      throw new ExpandError("syntax error: missing '}'");
    case '}':
      return valueOf(lexer, name) ?? (lexer.options.keepsUnset === true ? `\${${name}}` : '');
    case ':':
      return substituteDefault(lexer, name, `:${takeCharacter(lexer)}`);
    case '-':
    case '+':
    case '?':
      return substituteDefault(lexer, name, operator);
    case '#':
    case '%':
      return substituteTrimmed(lexer, name, operator);
    case '/':
      return substituteReplaced(lexer, name);
    default:
      throw unsupported(operator);
  }
}

/** `${v:-w}`, `${v+w}` and so on. `modifier` is with the colon. */
function substituteDefault(lexer: Lexer, name: string, modifier: string): string {
  if (modifier === ':#' || modifier === ':%') throw unsupported(modifier);
  const word = readOperand(lexer, '}', false, "syntax error: missing '}'");
  const value = valueOf(lexer, name);
  if (value === undefined && lexer.options.keepsUnset === true) {
    return `\${${name}${modifier}${word}}`;
  }
  const isMissing = value === undefined || (modifier.startsWith(':') && value === '');
  switch (modifier.at(-1)) {
    case '-':
      return isMissing ? word : value;
    case '+':
      return isMissing ? '' : word;
    case '?': {
      if (!isMissing) return value;
      const reason = `is not allowed to be ${value === undefined ? 'unset' : 'empty'}`;
      throw new ExpandError(`${name}: ${word === '' ? reason : word}`);
    }
    default:
      throw unsupported(modifier);
  }
}

/** `${v#p}`, `${v##p}`, `${v%p}`, `${v%%p}`. */
function substituteTrimmed(lexer: Lexer, name: string, operator: '#' | '%'): string {
  const operand = readOperand(lexer, '}', true, "syntax error: missing '}'");
  const value = valueOf(lexer, name);
  if (value === undefined && lexer.options.keepsUnset === true) {
    return `\${${name}${operator}${operand}}`;
  }
  const longest = operand.startsWith(operator);
  const pattern = longest ? operand.slice(1) : operand;
  const trim = operator === '#' ? trimPrefix : trimSuffix;
  return withPattern(pattern, () => trim(value ?? '', parseShellPattern(pattern), longest));
}

/** `${v/p/r}` and `${v//p/r}`. */
function substituteReplaced(lexer: Lexer, name: string): string {
  const all = lexer.text.charAt(lexer.at) === '/';
  if (all) lexer.at++;
  const pattern = readOperand(lexer, '/', true, "syntax error: missing '/' in ${}");
  const replacement = readOperand(lexer, '}', true, "syntax error: missing '}'");
  const value = valueOf(lexer, name);
  if (value === undefined && lexer.options.keepsUnset === true) {
    return `\${${name}${all ? '//' : '/'}${pattern}/${replacement}}`;
  }
  const limits = { all, maxLength: MAX_EXPANDED_LENGTH };
  return withPattern(pattern, () =>
    replaceMatches(value ?? '', parseShellPattern(pattern), replacement, limits),
  );
}

function withPattern(pattern: string, substitute: () => string): string {
  try {
    return substitute();
  } catch (error) {
    if (!(error instanceof ShellPatternError)) throw error;
    throw new ExpandError(`invalid pattern (${pattern}) in substitution: ${error.message}`);
  }
}

/** A part of `${…}` up to `stop`. Whatever goes wrong at the end of the text is the missing `stop`. */
function readOperand(
  lexer: Lexer,
  stop: '}' | '/',
  keepsEscapes: boolean,
  missing: string,
): string {
  const outer = lexer.keepsEscapes;
  lexer.keepsEscapes = keepsEscapes;
  try {
    return readUntil(lexer, stop, undefined);
  } catch (error) {
    if (error instanceof ExpandError && lexer.at >= lexer.text.length) {
      throw new ExpandError(missing);
    }
    throw error;
  } finally {
    lexer.keepsEscapes = outer;
  }
}

function readName(lexer: Lexer): string {
  const name = variableNameAt(lexer.text, lexer.at);
  lexer.at += name.length;
  return name;
}

function valueOf(lexer: Lexer, name: string): string | undefined {
  const value = lexer.lookup(name);
  (value === undefined ? lexer.unset : lexer.used).add(name);
  return value;
}

function takeCharacter(lexer: Lexer): string {
  const character = characterAt(lexer.text, lexer.at);
  lexer.at += character.length;
  return character;
}

function unsupported(modifier: string): ExpandError {
  return new ExpandError(`unsupported modifier (${modifier}) in substitution`);
}

function tooLong(): ExpandError {
  return new ExpandError(`the result is longer than ${MAX_EXPANDED_LENGTH} characters`);
}
