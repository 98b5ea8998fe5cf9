import { describe, expect, test } from 'vitest';
import type { UsageFilter } from '../build/usage-filter.ts';
import { BuildError } from '../diagnostics/build-error.ts';
import { parseKeepStorage } from './prune-values.ts';
import { parseUsageFilters } from './usage-filters.ts';

const NOW = Date.parse('2024-05-04T00:00:00Z');

describe('parseUsageFilters()', () => {
  test.each<[readonly string[], string | undefined]>([
    [[], undefined],
    [['until=24h'], '2024-05-03T00:00:00.000Z'],
    [['unused-for=1h30m'], '2024-05-03T22:30:00.000Z'],
    [['until=0.5s'], '2024-05-03T23:59:59.500Z'],
    [['until=250ms'], '2024-05-03T23:59:59.750Z'],
    [['until=2024-01-01T00:00:00+01:00'], '2023-12-31T23:00:00.000Z'],
    [['until=1h', 'until=2h'], '2024-05-03T22:00:00.000Z'],
  ])('%j', (values, expected) => {
    const moment = parseUsageFilters(values, NOW).usedBefore;
    expect(moment === undefined ? undefined : new Date(moment).toISOString()).toBe(expected);
  });

  test.each<[readonly string[], UsageFilter]>([
    [['type=step', 'type=exec.cachemount'], { kinds: new Set(['step', 'mount'] as const) }],
    [['type=cache mount'], { kinds: new Set(['mount'] as const) }],
    [['id=sha256:ab', 'id=4csn'], { ids: ['ab', '4csn'] }],
    [['inuse=false', 'shared=true'], { isNeeded: false, isShared: true }],
  ])('%j', (values, expected) => {
    expect(parseUsageFilters(values, NOW)).toEqual(expected);
  });

  test.each([
    ...['24h', 'until=', 'until=1', 'until=-1h', 'until=1d', 'until=2024', 'label=x'],
    ...['type=', 'type=toString', 'inuse=yes', '=x', ''],
  ])('refuses "%s"', (text) => {
    expect(() => parseUsageFilters([text], NOW)).toThrow(BuildError);
  });
});

describe('parseKeepStorage()', () => {
  test.each<[string | undefined, number]>([
    [undefined, 0],
    ['0', 0],
    ['512', 512],
    ['10GB', 10e9],
    ['1.5 mb', 1.5e6],
    ['2k', 2000],
  ])('%s is %d bytes', (text, bytes) => {
    expect(parseKeepStorage(text)).toBe(bytes);
  });

  test.each(['', '-1', '1XB', 'GB', '1e9'])('refuses "%s"', (text) => {
    expect(() => parseKeepStorage(text)).toThrow(BuildError);
  });
});
