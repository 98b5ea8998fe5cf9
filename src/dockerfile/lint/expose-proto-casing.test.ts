import { describe, expect, test } from 'vitest';
import { findingsOf } from '../../testing/lint.ts';
import { exposeProtoCasing } from './expose-proto-casing.ts';

describe('ExposeProtoCasing', () => {
  test.each([
    {
      lines: ['FROM alpine', 'EXPOSE 80/TCP'],
      message: "Defined protocol '80/TCP' in EXPOSE instruction should be lowercase",
      at: '80/TCP',
    },
    {
      lines: ['FROM alpine', 'ENV PROTO=Udp', 'EXPOSE 53/$PROTO'],
      message: "Defined protocol '53/Udp' in EXPOSE instruction should be lowercase",
      at: '53/$PROTO',
    },
  ])('catches $lines', ({ lines, message, at }) => {
    expect(findingsOf(exposeProtoCasing, lines)).toEqual([{ message, at }]);
  });

  test.each([
    { lines: ['FROM alpine', 'EXPOSE 80'] },
    { lines: ['FROM alpine', 'EXPOSE 80/tcp 53/udp'] },
    { lines: ['FROM alpine', 'EXPOSE $PORT'] },
  ])('allows $lines', ({ lines }) => {
    expect(findingsOf(exposeProtoCasing, lines)).toEqual([]);
  });
});
