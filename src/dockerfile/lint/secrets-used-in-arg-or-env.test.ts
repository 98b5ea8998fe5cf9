import { describe, expect, test } from 'vitest';
import { findingsOf } from '../../testing/lint.ts';
import { secretsUsedInArgOrEnv } from './secrets-used-in-arg-or-env.ts';

describe('SecretsUsedInArgOrEnv', () => {
  test.each([
    {
      lines: ['FROM alpine', 'ARG TOKEN'],
      message: 'Do not use ARG or ENV instructions for sensitive data (ARG "TOKEN")',
      at: 'TOKEN',
    },
    {
      lines: ['FROM alpine', 'ENV AWS_SECRET_ACCESS_ID=x'],
      message: 'Do not use ARG or ENV instructions for sensitive data (ENV "AWS_SECRET_ACCESS_ID")',
      at: 'AWS_SECRET_ACCESS_ID',
    },
    {
      lines: ['FROM alpine', 'env db_password=x'],
      message: 'Do not use ARG or ENV instructions for sensitive data (ENV "db_password")',
      at: 'db_password',
    },
    {
      lines: ['FROM alpine', 'ARG A=1 apikey=2'],
      message: 'Do not use ARG or ENV instructions for sensitive data (ARG "apikey")',
      at: 'apikey',
    },
  ])('catches $lines', ({ lines, message, at }) => {
    expect(findingsOf(secretsUsedInArgOrEnv, lines)).toEqual([{ message, at }]);
  });

  test.each([
    { lines: ['FROM alpine', 'ARG TOKENIZER'] },
    { lines: ['FROM alpine', 'ENV PUBLIC_KEY=x'] },
    { lines: ['FROM alpine', 'ENV PASSWORD_FILE=/run/x'] },
    { lines: ['FROM alpine', 'ARG KEY_VERSION=1'] },
    { lines: ['ARG TOKEN=x', 'FROM alpine'] },
    { lines: ['FROM alpine', 'LABEL secret=x'] },
  ])('allows $lines', ({ lines }) => {
    expect(findingsOf(secretsUsedInArgOrEnv, lines)).toEqual([]);
  });
});
