import { skipSpace, type Range } from './white-space.ts';

/** What text that may be the JSON form of an instruction turned out to be. */
export type JsonForm =
  | {
      readonly kind: 'strings';
      readonly values: readonly string[];
      readonly ranges: readonly Range[];
    }
  /** A valid JSON array with something else than strings in it. */
  | { readonly kind: 'not-strings' }
  /** No JSON array: the text has the shell or the word form. */
  | { readonly kind: 'none' };

const NONE = { kind: 'none' } as const;

/** Reads the JSON form. Anything that is not valid JSON from bracket to bracket is not JSON at all. */
export function readJsonForm(text: string, range: Range): JsonForm {
  const start = skipSpace(text, range.start, range.end);
  if (text.charAt(start) !== '[' || start >= range.end) return NONE;
  const source = text.slice(start, range.end);
  let parsed: unknown;
  try {
    parsed = JSON.parse(source);
  } catch {
    return NONE;
  }
  if (!Array.isArray(parsed)) return NONE;
  const values = parsed.filter((value) => typeof value === 'string');
  if (values.length !== parsed.length) return { kind: 'not-strings' };
  // Go has no lone surrogates: its decoder makes U+FFFD of them.
  return {
    kind: 'strings',
    values: values.map((value) => value.replace(/\p{Surrogate}/gu, '\uFFFD')),
    ranges: stringRanges(source, start),
  };
}

/** Where the strings of a valid array of strings stand, quotes included. */
function stringRanges(source: string, offset: number): Range[] {
  const ranges: Range[] = [];
  for (let at = source.indexOf('"'); at >= 0; at = source.indexOf('"', at)) {
    const start = at++;
    while (at < source.length && source.charAt(at) !== '"')
      at += source.charAt(at) === '\\' ? 2 : 1;
    at++;
    ranges.push({ start: offset + start, end: offset + at });
  }
  return ranges;
}
