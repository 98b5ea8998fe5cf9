import { describe, expect, test } from 'vitest';
import { findingsOf } from '../../testing/lint.ts';
import { workdirRelativePath } from './workdir-relative-path.ts';

describe('WorkdirRelativePath', () => {
  test.each([
    {
      lines: ['FROM alpine', 'WORKDIR app'],
      message: 'Relative workdir "app" can have unexpected results if the base image changes',
      at: 'app',
    },
    {
      lines: ['FROM alpine', 'ENV DIR=app', 'WORKDIR $DIR/src'],
      message: 'Relative workdir "app/src" can have unexpected results if the base image changes',
      at: '$DIR/src',
    },
    {
      lines: ['FROM alpine', 'WORKDIR app/$UNKNOWN'],
      message:
        'Relative workdir "app/$UNKNOWN" can have unexpected results if the base image changes',
      at: 'app/$UNKNOWN',
    },
    {
      lines: ['FROM alpine', 'WORKDIR app', 'WORKDIR src'],
      message: 'Relative workdir "app" can have unexpected results if the base image changes',
      at: 'app',
    },
  ])('catches $lines', ({ lines, message, at }) => {
    expect(findingsOf(workdirRelativePath, lines)).toEqual([{ message, at }]);
  });

  test.each([
    { lines: ['FROM alpine', 'WORKDIR /app'] },
    { lines: ['FROM alpine', 'WORKDIR /app', 'WORKDIR src'] },
    { lines: ['FROM alpine AS a', 'WORKDIR /app', 'FROM a', 'WORKDIR src'] },
    { lines: ['FROM alpine', 'WORKDIR $FROM_BASE'] },
    { lines: ['FROM alpine', 'WORKDIR "${HOME}"/x'] },
    { lines: ['FROM alpine', 'ARG DIR=/app', 'WORKDIR $DIR'] },
  ])('allows $lines', ({ lines }) => {
    expect(findingsOf(workdirRelativePath, lines)).toEqual([]);
  });
});
