/** Go's `strconv.ParseBool`; undefined for anything else. */
export function parseGoBool(text: string): boolean | undefined {
  if (['1', 't', 'T', 'TRUE', 'true', 'True'].includes(text)) return true;
  if (['0', 'f', 'F', 'FALSE', 'false', 'False'].includes(text)) return false;
  return undefined;
}

/** Digits of the base only, no sign, at most `max`; undefined for anything else. */
export function parseUnsigned(text: string, base: 8 | 10, max: number): number | undefined {
  if (!(base === 8 ? /^[0-7]+$/ : /^[0-9]+$/).test(text)) return undefined;
  const value = parseInt(text, base);
  return value <= max ? value : undefined;
}

const SIZE_UNITS = new Map([
  ['k', 1024],
  ['m', 1024 ** 2],
  ['g', 1024 ** 3],
  ['t', 1024 ** 4],
  ['p', 1024 ** 5],
]);

/**
 * A size with a binary unit, as docker/go-units' `RAMInBytes`: `64m`, `1.5 GiB`, `100b`, `4096`.
 * Undefined for anything else, and for more bytes than a number can count exactly.
 */
export function parseByteSize(text: string): number | undefined {
  const parts = /^([0-9]+(?:\.[0-9]*)?|\.[0-9]+) ?([a-zA-Z]{0,3})$/.exec(text);
  if (parts === null) return undefined;
  const [, digits = '', suffix = ''] = parts;
  const unit = suffix.toLowerCase();
  const isPlain = unit === '' || unit === 'b';
  const factor = isPlain ? 1 : SIZE_UNITS.get(unit.charAt(0));
  if (factor === undefined || (!isPlain && !['', 'b', 'ib'].includes(unit.slice(1))))
    return undefined;
  const bytes = Math.trunc(Number(digits) * factor);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}
