import { describe, expect, test } from 'vitest';
import { findingsOf } from '../../testing/lint.ts';
import { duplicateStageName } from './duplicate-stage-name.ts';

describe('DuplicateStageName', () => {
  test.each([
    {
      lines: ['FROM alpine AS a', 'FROM busybox AS a'],
      message: 'Duplicate stage name "a", stage names should be unique',
      at: 'a',
    },
    {
      lines: ['FROM alpine AS a', 'FROM busybox AS A'],
      message: 'Duplicate stage name "a", stage names should be unique',
      at: 'A',
    },
  ])('catches $lines', ({ lines, message, at }) => {
    expect(findingsOf(duplicateStageName, lines)).toEqual([{ message, at }]);
  });

  test.each([
    { lines: ['FROM alpine AS a', 'FROM busybox AS b'] },
    { lines: ['FROM alpine', 'FROM busybox'] },
  ])('allows $lines', ({ lines }) => {
    expect(findingsOf(duplicateStageName, lines)).toEqual([]);
  });
});
