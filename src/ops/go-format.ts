/*
 * Texts of the image history are made with Go's fmt package in BuildKit. To give the same history,
 * the few verbs that it uses are written here by the rules of Go's documentation.
 */

/** `%v` of a list of strings: `[a b c]`. */
export function goList(values: readonly string[]): string {
  return `[${values.join(' ')}]`;
}

/** `%q` of a list of strings: `["a" "b c"]`. */
export function goQuotedList(values: readonly string[]): string {
  return `[${values.map(goQuote).join(' ')}]`;
}

const SHORT_ESCAPES: Readonly<Record<string, string>> = {
  '\u0007': '\\a',
  '\b': '\\b',
  '\f': '\\f',
  '\n': '\\n',
  '\r': '\\r',
  '\t': '\\t',
  '\v': '\\v',
  '\\': '\\\\',
  '"': '\\"',
};

/** `%q` of a string: double quotes, what cannot be printed escaped (`strconv.Quote`). */
export function goQuote(text: string): string {
  let quoted = '"';
  for (const character of text) {
    quoted += SHORT_ESCAPES[character] ?? printableOrEscape(character);
  }
  return `${quoted}"`;
}

function printableOrEscape(character: string): string {
  // Most characters; and a pattern of Unicode classes takes milliseconds to compile.
  if (character >= ' ' && character <= '~') return character;
  if (/^[\p{L}\p{M}\p{N}\p{P}\p{S}]$/u.test(character)) return character;
  const code = character.codePointAt(0) ?? 0;
  // Half of a surrogate pair cannot be in a Go string; it would have become U+FFFD on the way in.
  if (code >= 0xd800 && code <= 0xdfff) return '\ufffd';
  if (code < 0x80) return `\\x${code.toString(16).padStart(2, '0')}`;
  if (code < 0x10000) return `\\u${code.toString(16).padStart(4, '0')}`;
  return `\\U${code.toString(16).padStart(8, '0')}`;
}

const UNITS = { h: 3_600_000_000_000n, m: 60_000_000_000n, s: 1_000_000_000n };

/** `time.Duration` as text: `1m30s`, `500ms`, `1.5s`, `0s`. */
export function goDuration(nanoseconds: number): string {
  const total = BigInt(Math.trunc(nanoseconds));
  if (total === 0n) return '0s';
  if (total < 0n) return `-${goDuration(-Number(total))}`;
  if (total < 1_000n) return `${total}ns`;
  if (total < 1_000_000n) return `${decimal(total, 1_000n)}µs`;
  if (total < UNITS.s) return `${decimal(total, 1_000_000n)}ms`;
  const hours = total / UNITS.h;
  const minutes = (total % UNITS.h) / UNITS.m;
  const seconds = `${decimal(total % UNITS.m, UNITS.s)}s`;
  if (hours > 0n) return `${hours}h${minutes}m${seconds}`;
  return minutes > 0n ? `${minutes}m${seconds}` : seconds;
}

function decimal(value: bigint, unit: bigint): string {
  const digits = (value % unit).toString().padStart(unit.toString().length - 1, '0');
  const fraction = digits.replace(/0+$/, '');
  return fraction === '' ? `${value / unit}` : `${value / unit}.${fraction}`;
}
