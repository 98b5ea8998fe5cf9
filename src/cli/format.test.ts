import { expect, test } from 'vitest';
import { formatAge, formatBytes, formatSeconds, renderTable } from './format.ts';

test.each([
  [0, '0B'],
  [999, '999B'],
  [1000, '1kB'],
  [5_613_130, '5.61MB'],
  [77_811_234, '77.8MB'],
  [999_600, '1MB'],
  [1_234_567_890, '1.23GB'],
])('formatBytes(%d) is %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

test.each([
  [0, 'Less than a second ago'],
  [1000, '1 second ago'],
  [59_999, '59 seconds ago'],
  [MINUTE, 'About a minute ago'],
  [45 * MINUTE, '45 minutes ago'],
  [HOUR, 'About an hour ago'],
  [90 * MINUTE, '2 hours ago'],
  [47 * HOUR, '47 hours ago'],
  [2 * DAY, '2 days ago'],
  [13 * DAY, '13 days ago'],
  [14 * DAY, '2 weeks ago'],
  [60 * DAY, '2 months ago'],
  [729 * DAY, '24 months ago'],
  [730 * DAY, '2 years ago'],
])('formatAge(%d) is %s', (milliseconds, text) => {
  expect(formatAge(milliseconds)).toBe(text);
});

test('formatSeconds() never goes below zero', () => {
  expect([formatSeconds(12_345), formatSeconds(-5)]).toEqual(['12.3s', '0.0s']);
});

test('renderTable() aligns columns and leaves no space at line ends', () => {
  expect(
    renderTable([
      ['NAME', 'SIZE'],
      ['builder', '84.1MB'],
      ['x', ''],
    ]),
  ).toBe('NAME      SIZE\nbuilder   84.1MB\nx\n');
});
