import { describe, expect, test } from 'vitest';
import { findingsOf } from '../../testing/lint.ts';
import { legacyKeyValueFormat } from './legacy-key-value-format.ts';

describe('LegacyKeyValueFormat', () => {
  test.each([
    {
      lines: ['FROM alpine', 'ENV A b'],
      message: '"ENV key=value" should be used instead of legacy "ENV key value" format',
      at: 'ENV A b',
    },
    {
      lines: ['FROM alpine', 'label A b c'],
      message: '"label key=value" should be used instead of legacy "label key value" format',
      at: 'label A b c',
    },
  ])('catches $lines', ({ lines, message, at }) => {
    expect(findingsOf(legacyKeyValueFormat, lines)).toEqual([{ message, at }]);
  });

  test.each([
    { lines: ['FROM alpine', 'ENV A=b'] },
    { lines: ['FROM alpine', 'LABEL A=b C="d e"'] },
  ])('allows $lines', ({ lines }) => {
    expect(findingsOf(legacyKeyValueFormat, lines)).toEqual([]);
  });
});
