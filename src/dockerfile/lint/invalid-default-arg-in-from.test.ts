import { describe, expect, test } from 'vitest';
import { findingsOf } from '../../testing/lint.ts';
import { invalidDefaultArgInFrom } from './invalid-default-arg-in-from.ts';

describe('InvalidDefaultArgInFrom', () => {
  test.each([
    {
      lines: ['ARG IMAGE', 'FROM $IMAGE'],
      message: 'Default value for ARG $IMAGE results in empty or invalid base image name',
      at: '$IMAGE',
    },
    {
      lines: ['ARG TAG', 'FROM alpine:$TAG'],
      message: 'Default value for ARG alpine:$TAG results in empty or invalid base image name',
      at: 'alpine:$TAG',
    },
    {
      lines: ['ARG TAG=a/b', 'FROM alpine:${TAG}'],
      message: 'Default value for ARG alpine:${TAG} results in empty or invalid base image name',
      at: 'alpine:${TAG}',
    },
  ])('catches $lines', ({ lines, message, at }) => {
    expect(findingsOf(invalidDefaultArgInFrom, lines)).toEqual([{ message, at }]);
  });

  test.each([
    { lines: ['ARG TAG=3.18', 'FROM alpine:$TAG'] },
    { lines: ['FROM alpine${TAG:+:$TAG}'] },
    { lines: ['FROM base-$TARGETARCH'] },
    { lines: ['FROM scratch'] },
    { lines: ['ARG A=alpine', 'ARG B=$A:1', 'FROM $B'] },
  ])('allows $lines', ({ lines }) => {
    expect(findingsOf(invalidDefaultArgInFrom, lines)).toEqual([]);
  });
});
