import { expandWord, expandWords } from './expand.ts';

/** `3<<-"EOF"` taken apart; the body comes later. */
export interface HeredocWord {
  /** Delimiter without quotes. */
  readonly name: string;
  readonly fileDescriptor: number;
  readonly isExpanded: boolean;
  readonly isChomped: boolean;
}

const NO_VARIABLES = (): undefined => undefined;
/** BuildKit reads heredoc words with a backslash, whatever the escape directive says. */
const KEEP_UNSET = { escape: '\\', keepsUnset: true } as const;
const KEEP_ALL = { ...KEEP_UNSET, keepsQuotes: true, keepsEscapes: true } as const;

/** The heredocs that a line announces, in order. A line the shell could not read announces none. */
export function heredocWords(line: string): readonly (HeredocWord | { readonly error: string })[] {
  const split = expandWords(line, NO_VARIABLES, KEEP_ALL);
  if (!split.ok) return [];
  return split.words.flatMap((word) => parseHeredocWord(word) ?? []);
}

/** Undefined if the word is not a heredoc. An error if it is one, but its delimiter cannot be read. */
export function parseHeredocWord(
  word: string,
): HeredocWord | { readonly error: string } | undefined {
  const parts = splitHeredocWord(word);
  if (parts === undefined) return undefined;
  const names = expandWords(parts.delimiter, NO_VARIABLES, KEEP_UNSET);
  if (!names.ok) return { error: names.message };
  const [name] = names.words;
  if (name === undefined || names.words.length !== 1) return undefined;
  const quoted = expandWord(parts.delimiter, NO_VARIABLES, { ...KEEP_UNSET, keepsQuotes: true });
  return {
    name,
    fileDescriptor: parts.fileDescriptor,
    // Quotes that vanish were syntax; quotes that stay belong to the name.
    isExpanded: quoted.ok && countQuotes(quoted.text) === countQuotes(name),
    isChomped: parts.isChomped,
  };
}

/** `^(\d*)<<(-?)\s*([^<]*)$` without a RegExp. */
function splitHeredocWord(
  word: string,
): { fileDescriptor: number; isChomped: boolean; delimiter: string } | undefined {
  const operator = word.indexOf('<<');
  if (operator < 0) return undefined;
  for (let i = 0; i < operator; i++) {
    const code = word.charCodeAt(i);
    if (code < 0x30 || code > 0x39) return undefined;
  }
  const isChomped = word.charAt(operator + 2) === '-';
  let start = operator + (isChomped ? 3 : 2);
  while (start < word.length && '\t\n\f\r '.includes(word.charAt(start))) start++;
  const delimiter = word.slice(start);
  if (delimiter === '' || delimiter.includes('<')) return undefined;
  const digits = word.slice(0, operator);
  const fileDescriptor = Math.min(Number(digits), Number.MAX_SAFE_INTEGER);
  return { fileDescriptor, isChomped, delimiter };
}

/** Removes the leading tabs of every line, as `<<-` asks. */
export function chompTabs(body: string): string {
  return body.replace(/^\t+/gm, '');
}

function countQuotes(text: string): number {
  let count = 0;
  for (const character of text) if (character === '"' || character === "'") count++;
  return count;
}
