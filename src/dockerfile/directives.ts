import type { SourceFile } from '../diagnostics/source.ts';
import type { Directive } from './ast.ts';
import { duplicateDirective, invalidEscape, type Report } from './errors.ts';
import { isSpace, skipSpace, type Range } from './white-space.ts';

/** The directives at the top of a file, while they are being read. */
export interface DirectiveState {
  readonly found: Directive[];
  escape: '\\' | '`';
  /** No more directives can come. */
  isDone: boolean;
}

/**
 * Looks at one trimmed line at the top of the file. True if it is a directive, which then is no
 * comment. The first line that is none ends the search for good.
 */
export function readDirective(
  state: DirectiveState,
  file: SourceFile,
  line: Range,
  report: Report,
): boolean {
  if (state.isDone) return false;
  const directive = parseDirective(file, line);
  if (directive === undefined) {
    state.isDone = true;
    return false;
  }
  const { name, value, span } = directive;
  if (state.found.some((earlier) => earlier.name === name)) {
    report(duplicateDirective(name, span));
  } else if (name !== 'escape') {
    state.found.push(directive);
  } else if (value === '\\' || value === '`') {
    state.escape = value;
    state.found.push(directive);
  } else {
    report(invalidEscape(value, span));
  }
  return true;
}

/** `# name = value`, the name one of three in any case. */
function parseDirective(file: SourceFile, { start, end }: Range): Directive | undefined {
  const { text } = file;
  if (text.charAt(start) !== '#' || start >= end) return undefined;
  const nameStart = skipSpace(text, start + 1, end);
  let nameEnd = nameStart;
  while (nameEnd < end && /[a-zA-Z0-9]/.test(text.charAt(nameEnd))) nameEnd++;
  const equals = skipAsciiSpace(text, nameEnd, end);
  const name = text.slice(nameStart, nameEnd).toLowerCase();
  if (equals >= end || text.charAt(equals) !== '=' || !isDirectiveName(name)) return undefined;
  const valueStart = skipAsciiSpace(text, equals + 1, end);
  let valueEnd = end;
  while (valueEnd > valueStart && isAsciiSpace(text.charAt(valueEnd - 1))) valueEnd--;
  if (valueEnd === valueStart) return undefined;
  const value = text.slice(valueStart, valueEnd);
  return { name, value, span: { file, start, end: valueEnd } };
}

function isDirectiveName(name: string): name is Directive['name'] {
  return name === 'syntax' || name === 'escape' || name === 'check';
}

/** `\s` of Go's regular expressions. */
function isAsciiSpace(character: string): boolean {
  return character !== '\v' && isSpace(character.charCodeAt(0)) && character < '\x80';
}

function skipAsciiSpace(text: string, start: number, end: number): number {
  let at = start;
  while (at < end && isAsciiSpace(text.charAt(at))) at++;
  return at;
}
