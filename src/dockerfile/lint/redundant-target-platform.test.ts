import { describe, expect, test } from 'vitest';
import { findingsOf } from '../../testing/lint.ts';
import { redundantTargetPlatform } from './redundant-target-platform.ts';

describe('RedundantTargetPlatform', () => {
  test.each([
    {
      lines: ['FROM --platform=$TARGETPLATFORM alpine'],
      message:
        'Setting platform to predefined $TARGETPLATFORM in FROM is redundant as this is the default behavior',
      at: '$TARGETPLATFORM',
    },
    {
      lines: ['FROM --platform=${TARGETPLATFORM} alpine'],
      message:
        'Setting platform to predefined ${TARGETPLATFORM} in FROM is redundant as this is the default behavior',
      at: '${TARGETPLATFORM}',
    },
  ])('catches $lines', ({ lines, message, at }) => {
    expect(findingsOf(redundantTargetPlatform, lines)).toEqual([{ message, at }]);
  });

  test.each([
    { lines: ['FROM --platform=$BUILDPLATFORM alpine'] },
    { lines: ['FROM --platform=$TARGETOS/$TARGETARCH alpine'] },
    { lines: ['FROM --platform=${TARGETPLATFORM}/v8 alpine'] },
    { lines: ['FROM --platform=${MINE:-$TARGETPLATFORM} alpine'] },
    { lines: ['FROM alpine'] },
  ])('allows $lines', ({ lines }) => {
    expect(findingsOf(redundantTargetPlatform, lines)).toEqual([]);
  });
});
