import { describe, expect, test } from 'vitest';
import { findingsOf } from '../../testing/lint.ts';
import { invalidDefinitionDescription } from './invalid-definition-description.ts';

describe('InvalidDefinitionDescription', () => {
  test.each([
    {
      lines: ['# the base image', 'FROM alpine AS base'],
      message: 'Comment for FROM should follow the format: `# base <description>`',
      at: '# the base image',
    },
    {
      lines: ['# version to use', 'ARG VERSION=1', 'FROM alpine'],
      message: 'Comment for ARG should follow the format: `# VERSION <description>`',
      at: '# version to use',
    },
    {
      lines: ['FROM alpine', '# two at once', 'ARG A=1 B=2'],
      message: 'Comment for ARG should follow the format: `# <arg_key> <description>`',
      at: '# two at once',
    },
  ])('catches $lines', ({ lines, message, at }) => {
    expect(findingsOf(invalidDefinitionDescription, lines)).toEqual([{ message, at }]);
  });

  test.each([
    { lines: ['# base is small', 'FROM alpine AS base'] },
    { lines: ['# VERSION to use', 'ARG VERSION=1', 'FROM alpine'] },
    { lines: ['# the base image', '', 'FROM alpine AS base'] },
    { lines: ['# the base image', '#', 'FROM alpine AS base'] },
    { lines: ['# not a name', 'FROM alpine'] },
    { lines: ['FROM alpine', '# B is the second', 'ARG A=1 B=2'] },
    { lines: ['FROM alpine AS x', '# check=skip=StageNameCasing', 'FROM alpine AS y'] },
  ])('allows $lines', ({ lines }) => {
    expect(findingsOf(invalidDefinitionDescription, lines)).toEqual([]);
  });
});
