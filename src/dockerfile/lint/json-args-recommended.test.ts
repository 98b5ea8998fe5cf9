import { describe, expect, test } from 'vitest';
import { findingsOf } from '../../testing/lint.ts';
import { jsonArgsRecommended } from './json-args-recommended.ts';

describe('JSONArgsRecommended', () => {
  test.each([
    {
      lines: ['FROM alpine', 'CMD my-server'],
      message:
        'JSON arguments recommended for CMD to prevent unintended behavior related to OS signals',
      at: 'CMD my-server',
    },
    {
      lines: ['FROM alpine', 'entrypoint my-server'],
      message:
        'JSON arguments recommended for entrypoint to prevent unintended behavior related to OS signals',
      at: 'entrypoint my-server',
    },
    {
      lines: ['FROM alpine', 'CMD [my-server]'],
      message:
        'JSON arguments recommended for CMD to prevent unintended behavior related to OS signals',
      at: 'CMD [my-server]',
    },
    {
      lines: ['FROM alpine', 'CMD a', 'SHELL ["/bin/bash", "-c"]'],
      message:
        'JSON arguments recommended for CMD to prevent unintended behavior related to OS signals',
      at: 'CMD a',
    },
  ])('catches $lines', ({ lines, message, at }) => {
    expect(findingsOf(jsonArgsRecommended, lines)).toEqual([{ message, at }]);
  });

  test.each([
    { lines: ['FROM alpine', 'CMD ["my-server"]'] },
    { lines: ['FROM alpine', 'SHELL ["/bin/bash", "-c"]', 'CMD my-server'] },
    { lines: ['FROM alpine AS a', 'SHELL ["/bin/bash", "-c"]', 'FROM a', 'CMD my-server'] },
    { lines: ['FROM alpine', 'RUN my-tool'] },
  ])('allows $lines', ({ lines }) => {
    expect(findingsOf(jsonArgsRecommended, lines)).toEqual([]);
  });

  test('allows the shell form on a base image that names a shell', () => {
    const context = { stagesWithShell: new Set([0]) };
    const lines = ['FROM alpine AS a', 'FROM a', 'CMD my-server'];
    expect(findingsOf(jsonArgsRecommended, lines, context)).toEqual([]);
  });
});
