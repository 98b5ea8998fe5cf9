/** Part of a string: `text.slice(start, end)` without making the copy. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/**
 * Unicode white space as BuildKit trims it (Go's `unicode.IsSpace`). `\s` of a RegExp is another set:
 * it has U+FEFF and lacks U+0085.
 */
export function isSpace(code: number): boolean {
  if (code < 0x85) return code === 0x20 || (code >= 0x09 && code <= 0x0d);
  return (
    code === 0x85 ||
    code === 0xa0 ||
    code === 0x1680 ||
    (code >= 0x2000 && code <= 0x200a) ||
    code === 0x2028 ||
    code === 0x2029 ||
    code === 0x202f ||
    code === 0x205f ||
    code === 0x3000
  );
}

/** What separates words of an instruction: a smaller set than `isSpace`. */
export function isSeparator(code: number): boolean {
  return code === 0x20 || code === 0x09 || code === 0x0b || code === 0x0c || code === 0x0d;
}

/** The range without the white space at both ends. */
export function trimRange(text: string, range: Range): Range {
  const start = skipSpace(text, range.start, range.end);
  let end = range.end;
  while (end > start && isSpace(text.charCodeAt(end - 1))) end--;
  return { start, end };
}

/** The first index from `start` that is not white space, or `end`. */
export function skipSpace(text: string, start: number, end: number): number {
  let at = start;
  while (at < end && isSpace(text.charCodeAt(at))) at++;
  return at;
}

/** Trims by the rules of `isSpace`. */
export function trimSpace(text: string): string {
  const { start, end } = trimRange(text, { start: 0, end: text.length });
  return text.slice(start, end);
}

/** Splits at runs of separators. Text at the ends is expected to be trimmed already. */
export function splitAtSeparators(text: string, range: Range): Range[] {
  const words: Range[] = [];
  let at = range.start;
  while (at < range.end) {
    const start = at;
    while (at < range.end && !isSeparator(text.charCodeAt(at))) at++;
    words.push({ start, end: at });
    while (at < range.end && isSeparator(text.charCodeAt(at))) at++;
  }
  return words;
}
