import { badFlagValue } from './errors.ts';

const SPAN = /^(?:\d+(?:\.\d+)?(?:h|ms|m|s))+$/;
const SPAN_PART = /(\d+(?:\.\d+)?)(h|ms|m|s)/g;
const MILLISECONDS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1000, ms: 1 };

/**
 * `--filter until=24h`: the moment before which a thing was last used to be removed, milliseconds since
 * 1970. Spans are Go's (`1h30m`), times RFC 3339. Of several, the earliest counts.
 * @throws BuildError FLAG_VALUE_INVALID
 */
export function parseUntil(values: readonly string[], now: number): number | undefined {
  const moments = values.map((text) => {
    const moment = text.startsWith('until=') ? momentOf(text.slice('until='.length), now) : NaN;
    if (Number.isNaN(moment)) {
      throw badFlagValue('--filter', text, 'expected until=24h or until=2024-05-01T00:00:00Z');
    }
    return moment;
  });
  return moments.length === 0 ? undefined : Math.min(...moments);
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

/** `--keep-storage 10GB`: powers of 1000 as Docker's sizes are shown. @throws BuildError FLAG_VALUE_INVALID */
export function parseKeepStorage(text: string | undefined): number {
  if (text === undefined) return 0;
  const [, amount = '', prefix = ''] = /^(\d+(?:\.\d+)?) ?([kmgtp]?)b?$/i.exec(text) ?? [];
  if (amount === '') throw badFlagValue('--keep-storage', text, 'expected a size such as "10GB"');
  return Number(amount) * 1000 ** UNITS.indexOf(prefix.toLowerCase());
}
