import { describe, expect, test } from 'vitest';
import { findingsOf } from '../../testing/lint.ts';
import { fromAsCasing } from './from-as-casing.ts';

describe('FromAsCasing', () => {
  test.each([
    {
      lines: ['FROM alpine as build'],
      message: "'as' and 'FROM' keywords' casing do not match",
      at: 'as',
    },
    {
      lines: ['from alpine AS build'],
      message: "'AS' and 'from' keywords' casing do not match",
      at: 'AS',
    },
    {
      lines: ['FROM alpine As build'],
      message: "'As' and 'FROM' keywords' casing do not match",
      at: 'As',
    },
    {
      lines: ['FROM as as as'],
      message: "'as' and 'FROM' keywords' casing do not match",
      at: 'as',
    },
    {
      lines: ['FROM alpine as \\', '  build'],
      message: "'as' and 'FROM' keywords' casing do not match",
      at: 'as',
    },
    {
      lines: ['FROM alpine \\', '# AS it was', '  as \\', '  # as \\', '  build'],
      message: "'as' and 'FROM' keywords' casing do not match",
      at: 'as',
    },
  ])('catches $lines', ({ lines, message, at }) => {
    expect(findingsOf(fromAsCasing, lines)).toEqual([{ message, at }]);
  });

  test.each([
    { lines: ['FROM alpine AS build'] },
    { lines: ['from alpine as build'] },
    { lines: ['From alpine as build'] },
    { lines: ['FROM alpine'] },
  ])('allows $lines', ({ lines }) => {
    expect(findingsOf(fromAsCasing, lines)).toEqual([]);
  });
});
