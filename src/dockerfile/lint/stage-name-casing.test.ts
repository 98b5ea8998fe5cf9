import { describe, expect, test } from 'vitest';
import { findingsOf } from '../../testing/lint.ts';
import { stageNameCasing } from './stage-name-casing.ts';

describe('StageNameCasing', () => {
  test.each([
    {
      lines: ['FROM alpine AS Build'],
      message: "Stage name 'Build' should be lowercase",
      at: 'Build',
    },
    {
      lines: ['FROM alpine AS buildBase'],
      message: "Stage name 'buildBase' should be lowercase",
      at: 'buildBase',
    },
  ])('catches $lines', ({ lines, message, at }) => {
    expect(findingsOf(stageNameCasing, lines)).toEqual([{ message, at }]);
  });

  test.each([
    { lines: ['FROM alpine'] },
    { lines: ['FROM alpine AS build'] },
    { lines: ['FROM alpine AS build-2'] },
  ])('allows $lines', ({ lines }) => {
    expect(findingsOf(stageNameCasing, lines)).toEqual([]);
  });
});
