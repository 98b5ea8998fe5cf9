import { describe, expect, test } from 'vitest';
import { findingsOf } from '../../testing/lint.ts';
import { reservedStageName } from './reserved-stage-name.ts';

describe('ReservedStageName', () => {
  test.each([
    {
      lines: ['FROM alpine AS scratch'],
      message: 'Stage name should not use the same name as reserved stage "scratch"',
      at: 'scratch',
    },
    {
      lines: ['FROM alpine AS Context'],
      message: 'Stage name should not use the same name as reserved stage "context"',
      at: 'Context',
    },
  ])('catches $lines', ({ lines, message, at }) => {
    expect(findingsOf(reservedStageName, lines)).toEqual([{ message, at }]);
  });

  test.each([
    { lines: ['FROM scratch'] },
    { lines: ['FROM scratch AS base'] },
    { lines: ['FROM alpine AS scratch-2'] },
  ])('allows $lines', ({ lines }) => {
    expect(findingsOf(reservedStageName, lines)).toEqual([]);
  });
});
