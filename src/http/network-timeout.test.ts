import { describe, expect, test } from 'vitest';
import { networkTimeouts } from './network-timeout.ts';

const read = (text: string | undefined) => networkTimeouts({ STAGECRAFT_NETWORK_TIMEOUT: text });

describe('networkTimeouts()', () => {
  test.each([
    [undefined, 30_000, 10_000],
    ['', 30_000, 10_000],
    ['1s', 1000, 333],
    ['1m30s', 90_000, 30_000],
    ['1h', 3_600_000, 1_200_000],
  ])('%s lets a peer be silent for %s ms, and connect in %s ms', (text, silenceMs, connectMs) => {
    expect(read(text)).toEqual({ silenceMs, connectMs });
  });

  test.each([
    ['90', 'it is not a time'],
    ['soon', 'it is not a time'],
    ['1s\n', 'it is not a time'],
    ['0', 'it is not between 1s and 1h'],
    ['-5s', 'it is not between 1s and 1h'],
    ['999ms', 'it is not between 1s and 1h'],
    ['61m', 'it is not between 1s and 1h'],
  ])('refuses %j', (text, found) => {
    expect(() => read(text)).toThrow(
      expect.objectContaining({
        code: 'NETWORK_TIMEOUT_INVALID',
        class: 'host',
        message: `Cannot use "${text.replace('\n', '␊')}" of STAGECRAFT_NETWORK_TIMEOUT: ${found}`,
        hint: 'Set it to a time such as "90s" or "5m".',
      }) as Error,
    );
  });
});
