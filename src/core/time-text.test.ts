import { expect, test } from 'vitest';
import { timeText } from './time-text.ts';

test.each([
  [0, '1970-01-01T00:00:00Z'],
  [1_000, '1970-01-01T00:00:01Z'],
  [10, '1970-01-01T00:00:00.01Z'],
  [120, '1970-01-01T00:00:00.12Z'],
  [123, '1970-01-01T00:00:00.123Z'],
])('timeText(%i) is what Go writes', (ms, text) => {
  expect(timeText(ms)).toBe(text);
});
