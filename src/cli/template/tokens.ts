/** A piece of a template: text as it is, or what stands between `{{` and `}}`. */
export type Piece =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'action'; readonly tokens: readonly Token[]; readonly source: string };

/** A word of an action. */
export type Token =
  | { readonly kind: 'word'; readonly text: string }
  /** `.A.B`, `.` alone, or what follows `$x` or `)` without a space. */
  | { readonly kind: 'field'; readonly names: readonly string[]; readonly isChained: boolean }
  | { readonly kind: 'variable'; readonly name: string }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'number'; readonly value: number }
  | { readonly kind: 'sign'; readonly text: '(' | ')' | '|' | ',' | ':=' | '=' };

/** Throws: the words of the error are the caller's. */
export type Fault = (found: string) => Error;

const TRIM_LEFT = /^-(?=\s)/;
const TRIM_RIGHT = /\s-$/;
const COMMENT = /^\/\*.*\*\/$/s;

/** Splits a template (Go, text/template). Comments are left out, and white space that `{{-` trims. */
export function splitTemplate(format: string, fault: Fault): Piece[] {
  const pieces: Piece[] = [];
  let from = 0;
  let isTrimmed = false;
  const pushText = (raw: string, isTrimmedAfter: boolean): void => {
    const start = isTrimmed ? raw.trimStart() : raw;
    const text = isTrimmedAfter ? start.trimEnd() : start;
    // Docker's command line turns these two into what they mean.
    const meant = text.replaceAll('\\t', '\t').replaceAll('\\n', '\n');
    if (meant !== '') pieces.push({ kind: 'text', text: meant });
  };
  for (;;) {
    const open = format.indexOf('{{', from);
    if (open === -1) break;
    const end = endOfAction(format, open + 2);
    if (end === undefined) throw fault('a "{{" has no "}}"');
    const inside = format.slice(open + 2, end);
    pushText(format.slice(from, open), TRIM_LEFT.test(inside));
    isTrimmed = TRIM_RIGHT.test(inside);
    const source = inside.replace(TRIM_LEFT, '').replace(TRIM_RIGHT, '').trim();
    from = end + 2;
    if (COMMENT.test(source)) continue;
    pieces.push({ kind: 'action', tokens: tokenize(source, fault), source });
  }
  pushText(format.slice(from), false);
  return pieces;
}

/** Where the `}}` is that is not inside a string. */
function endOfAction(format: string, start: number): number | undefined {
  let quote: string | undefined;
  for (let at = start; at < format.length; at++) {
    const char = format[at];
    if (quote === undefined) {
      if (char === '"' || char === '`') quote = char;
      else if (format.startsWith('}}', at)) return at;
    } else if (char === '\\' && quote === '"') at++;
    else if (char === quote) quote = undefined;
  }
  return undefined;
}

const PATTERNS = {
  space: /\s+/y,
  field: /(?:\.[A-Za-z_]\w*)+|\.(?![\w.])/y,
  variable: /\$\w*/y,
  string: /"(?:[^"\\\n]|\\.)*"/y,
  raw: /`[^`]*`/y,
  number: /[+-]?\d+(?:\.\d+)?(?![\w.])/y,
  word: /[A-Za-z_]\w*/y,
  sign: /:=|[()|,=]/y,
} as const;

function tokenize(source: string, fault: Fault): Token[] {
  const tokens: Token[] = [];
  let at = 0;
  const take = (pattern: RegExp): string | undefined => {
    pattern.lastIndex = at;
    const found = pattern.exec(source)?.[0];
    if (found !== undefined) at += found.length;
    return found;
  };
  while (at < source.length) {
    const isChained = take(PATTERNS.space) === undefined && at > 0;
    if (at >= source.length) break;
    const token = nextToken(take, isChained, fault);
    if (token === undefined) throw fault(`"${source.slice(at, at + 20)}" is not understood`);
    tokens.push(token);
  }
  return tokens;
}

function nextToken(
  take: (pattern: RegExp) => string | undefined,
  isChained: boolean,
  fault: Fault,
): Token | undefined {
  const field = take(PATTERNS.field);
  if (field !== undefined) {
    const names = field.split('.').filter((name) => name !== '');
    return { kind: 'field', names, isChained: isChained && names.length > 0 };
  }
  const variable = take(PATTERNS.variable);
  if (variable !== undefined) return { kind: 'variable', name: variable };
  const quoted = take(PATTERNS.string);
  if (quoted !== undefined) return { kind: 'string', value: unquoted(quoted, fault) };
  const raw = take(PATTERNS.raw);
  if (raw !== undefined) return { kind: 'string', value: raw.slice(1, -1) };
  const number = take(PATTERNS.number);
  if (number !== undefined) return { kind: 'number', value: Number(number) };
  const word = take(PATTERNS.word);
  if (word !== undefined) return { kind: 'word', text: word };
  const sign = take(PATTERNS.sign);
  return sign === undefined ? undefined : { kind: 'sign', text: sign as '(' };
}

/** Go's escapes that JSON has as well, and `\'`, `\a` and `\v` that it has not. */
function unquoted(word: string, fault: Fault): string {
  try {
    return String(JSON.parse(word.replace(/\\(.)/g, (all, char: string) => ESCAPES[char] ?? all)));
  } catch {
    throw fault(`${word} is no text`);
  }
}

const ESCAPES: Readonly<Record<string, string>> = {
  "'": "'",
  a: String.raw`\u0007`,
  v: String.raw`\u000b`,
};
