import { describe, expect, test } from 'vitest';
import { findingsOf } from '../../testing/lint.ts';
import { maintainerDeprecated } from './maintainer-deprecated.ts';

describe('MaintainerDeprecated', () => {
  test.each([
    {
      lines: ['FROM alpine', 'MAINTAINER me'],
      message: 'Maintainer instruction is deprecated in favor of using label',
      at: 'MAINTAINER me',
    },
  ])('catches $lines', ({ lines, message, at }) => {
    expect(findingsOf(maintainerDeprecated, lines)).toEqual([{ message, at }]);
  });

  test.each([{ lines: ['FROM alpine', 'LABEL maintainer=me'] }])('allows $lines', ({ lines }) => {
    expect(findingsOf(maintainerDeprecated, lines)).toEqual([]);
  });
});
