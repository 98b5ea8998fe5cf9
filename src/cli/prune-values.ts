import { badFlagValue } from './errors.ts';

const SPAN = /^(?:\d+(?:\.\d+)?(?:h|ms|m|s))+$/;
const SPAN_PART = /(\d+(?:\.\d+)?)(h|ms|m|s)/g;
const MILLISECONDS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

/**
 * The value of `until=24h`: the moment before which a thing was last used, milliseconds since 1970. Spans
 * are Go's (`1h30m`), times RFC 3339. Undefined for anything else.
 */
export function parseMoment(text: string, now: number): number | undefined {
  const moment = momentOf(text, now);
  return Number.isNaN(moment) ? undefined : moment;
}

function momentOf(text: string, now: number): number {
  if (SPAN.test(text)) {
    let span = 0;
    for (const [, amount = '', unit = ''] of text.matchAll(SPAN_PART)) {
      span += Number(amount) * (MILLISECONDS[unit] ?? NaN);
    }
    return now - span;
  }
  // Date.parse takes much that is no date of RFC 3339.
  return /^\d{4}-\d\d-\d\dT[\d:.]+(?:Z|[+-]\d\d:\d\d)$/.test(text) ? Date.parse(text) : NaN;
}

const UNITS = ['', 'k', 'm', 'g', 't', 'p'];

/** `--keep-storage 10GB`. @throws BuildError FLAG_VALUE_INVALID */
export function parseKeepStorage(text: string | undefined): number {
  const bytes = text === undefined ? 0 : parseSize(text);
  if (bytes !== undefined) return bytes;
  throw badFlagValue('--keep-storage', text ?? '', 'expected a size such as "10GB"');
}

/** `10GB` in bytes: powers of 1000, as Docker's sizes are shown. Undefined for what is no size. */
export function parseSize(text: string): number | undefined {
  const [, amount = '', prefix = ''] = /^(\d+(?:\.\d+)?) ?([kmgtp]?)b?$/i.exec(text) ?? [];
  if (amount === '') return undefined;
  return Number(amount) * 1000 ** UNITS.indexOf(prefix.toLowerCase());
}
