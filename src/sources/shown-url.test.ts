import { describe, expect, test } from 'vitest';
import { withoutCredentials } from './shown-url.ts';

describe('withoutCredentials()', () => {
  test.each([
    ['https://user:pass@h.example/r.git', 'https://***@h.example/r.git'],
    ['https://token@h.example/r.git#main', 'https://***@h.example/r.git#main'],
    ['https://a:b@c:d@h.example/', 'https://***@h.example/'],
    ['https://h/f?access_token=abc&x=1', 'https://h/f?access_token=***&x=1'],
    ['https://h/f?X-Amz-Signature=abc', 'https://h/f?X-Amz-Signature=***'],
    [
      'fatal: unable to access https://u:p@h/r/: 403',
      'fatal: unable to access https://***@h/r/: 403',
    ],
    ['Authorization: Bearer abcdefgh12345', 'Authorization: Bearer ***'],
    ['https://h.example/a@b', 'https://h.example/a@b'],
    ['git@h.example:a/b.git', 'git@h.example:a/b.git'],
  ])('%s', (text, expected) => {
    expect(withoutCredentials(text)).toBe(expected);
  });
});
