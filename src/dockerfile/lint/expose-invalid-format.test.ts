import { describe, expect, test } from 'vitest';
import { findingsOf } from '../../testing/lint.ts';
import { exposeInvalidFormat } from './expose-invalid-format.ts';

describe('ExposeInvalidFormat', () => {
  test.each([
    {
      lines: ['FROM alpine', 'EXPOSE 127.0.0.1:80:80'],
      message:
        "EXPOSE instruction should not define an IP address or host-port mapping, found '127.0.0.1:80:80'",
      at: '127.0.0.1:80:80',
    },
    {
      lines: ['FROM alpine', 'EXPOSE 81 5000:5000/tcp'],
      message:
        "EXPOSE instruction should not define an IP address or host-port mapping, found '5000:5000/tcp'",
      at: '5000:5000/tcp',
    },
    {
      lines: ['FROM alpine', 'EXPOSE [::1]:80:80'],
      message:
        "EXPOSE instruction should not define an IP address or host-port mapping, found '[::1]:80:80'",
      at: '[::1]:80:80',
    },
  ])('catches $lines', ({ lines, message, at }) => {
    expect(findingsOf(exposeInvalidFormat, lines)).toEqual([{ message, at }]);
  });

  test.each([
    { lines: ['FROM alpine', 'EXPOSE 80'] },
    { lines: ['FROM alpine', 'EXPOSE 8000-8010/udp'] },
    { lines: ['FROM alpine', 'EXPOSE $PORT'] },
  ])('allows $lines', ({ lines }) => {
    expect(findingsOf(exposeInvalidFormat, lines)).toEqual([]);
  });
});
