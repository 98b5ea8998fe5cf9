/** Nanoseconds, or why it is no duration (the words of Go's `time.ParseDuration`). */
export type DurationResult =
  | { readonly ok: true; readonly nanoseconds: number }
  | { readonly ok: false; readonly message: string };

const UNITS = new Map([
  ['ns', 1],
  ['us', 1e3],
  ['µs', 1e3],
  ['μs', 1e3],
  ['ms', 1e6],
  ['s', 1e9],
  ['m', 60e9],
  ['h', 3600e9],
]);
/** The largest int64, which is what Go holds durations in: about 292 years. */
const MAX_NANOSECONDS = 2 ** 63;

/**
 * Parses `1h30m`, `-1.5s`, `300ms`, `0`. Beyond 2^53 ns (104 days) the result is rounded to what a
 * number can hold.
 */
export function parseDuration(text: string): DurationResult {
  const sign = /^[-+]/.exec(text)?.[0] ?? '';
  let rest = text.slice(sign.length);
  if (rest === '0') return { ok: true, nanoseconds: 0 };
  if (rest === '') return invalid(text);
  let total = 0;
  while (rest !== '') {
    const number = /^(?:[0-9]+\.?[0-9]*|\.[0-9]+)/.exec(rest)?.[0];
    if (number === undefined) return invalid(text);
    rest = rest.slice(number.length);
    const unit = /^[^.0-9]+/.exec(rest)?.[0];
    const shown = JSON.stringify(text);
    if (unit === undefined)
      return { ok: false, message: `time: missing unit in duration ${shown}` };
    const scale = UNITS.get(unit);
    if (scale === undefined) {
      const message = `time: unknown unit ${JSON.stringify(unit)} in duration ${shown}`;
      return { ok: false, message };
    }
    rest = rest.slice(unit.length);
    total += Math.trunc(Number(number) * scale);
    if (!(total < MAX_NANOSECONDS)) return invalid(text);
  }
  return { ok: true, nanoseconds: sign === '-' ? -total : total };
}

function invalid(text: string): DurationResult {
  return { ok: false, message: `time: invalid duration ${JSON.stringify(text)}` };
}
