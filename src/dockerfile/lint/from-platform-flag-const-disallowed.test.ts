import { describe, expect, test } from 'vitest';
import { findingsOf } from '../../testing/lint.ts';
import { fromPlatformFlagConstDisallowed } from './from-platform-flag-const-disallowed.ts';

describe('FromPlatformFlagConstDisallowed', () => {
  test.each([
    {
      lines: ['FROM --platform=linux/amd64 alpine'],
      message: 'FROM --platform flag should not use constant value "linux/amd64"',
      at: 'linux/amd64',
    },
    {
      lines: ['FROM --platform=arm64 alpine AS build'],
      message: 'FROM --platform flag should not use constant value "arm64"',
      at: 'arm64',
    },
    {
      lines: ['FROM --platform=linux/x86_64 alpine AS build_x86_64'],
      message: 'FROM --platform flag should not use constant value "linux/x86_64"',
      at: 'linux/x86_64',
    },
  ])('catches $lines', ({ lines, message, at }) => {
    expect(findingsOf(fromPlatformFlagConstDisallowed, lines)).toEqual([{ message, at }]);
  });

  test.each([
    { lines: ['FROM --platform=$BUILDPLATFORM alpine'] },
    { lines: ['FROM --platform=linux/amd64 alpine AS build_amd64'] },
    { lines: ['FROM --platform=linux/amd64 alpine AS for-linux'] },
    { lines: ['FROM --platform=$MINE alpine'] },
    { lines: ['FROM alpine'] },
  ])('allows $lines', ({ lines }) => {
    expect(findingsOf(fromPlatformFlagConstDisallowed, lines)).toEqual([]);
  });
});
