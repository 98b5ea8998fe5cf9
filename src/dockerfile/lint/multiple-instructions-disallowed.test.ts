import { describe, expect, test } from 'vitest';
import { findingsOf } from '../../testing/lint.ts';
import { multipleInstructionsDisallowed } from './multiple-instructions-disallowed.ts';

describe('MultipleInstructionsDisallowed', () => {
  test.each([
    {
      lines: ['FROM alpine', 'CMD ["a"]', 'CMD ["b"]'],
      message:
        'Multiple CMD instructions should not be used in the same stage because only the last one will be used',
      at: 'CMD ["a"]',
    },
    {
      lines: ['FROM alpine', 'ENTRYPOINT ["a"]', 'entrypoint ["b"]'],
      message:
        'Multiple entrypoint instructions should not be used in the same stage because only the last one will be used',
      at: 'ENTRYPOINT ["a"]',
    },
    {
      lines: ['FROM alpine', 'HEALTHCHECK NONE', 'HEALTHCHECK CMD true'],
      message:
        'Multiple HEALTHCHECK instructions should not be used in the same stage because only the last one will be used',
      at: 'HEALTHCHECK NONE',
    },
  ])('catches $lines', ({ lines, message, at }) => {
    expect(findingsOf(multipleInstructionsDisallowed, lines)).toEqual([{ message, at }]);
  });

  test.each([
    { lines: ['FROM alpine', 'ENTRYPOINT ["a"]', 'CMD ["b"]'] },
    { lines: ['FROM alpine AS a', 'CMD ["a"]', 'FROM a', 'CMD ["b"]'] },
    { lines: ['FROM alpine', 'RUN a', 'RUN b'] },
  ])('allows $lines', ({ lines }) => {
    expect(findingsOf(multipleInstructionsDisallowed, lines)).toEqual([]);
  });
});
