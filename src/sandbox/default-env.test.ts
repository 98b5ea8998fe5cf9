import { expect, test } from 'vitest';
import { completeEnv, DEFAULT_PATH } from './default-env.ts';

test('completeEnv() adds PATH, HOME and, on a terminal, TERM', () => {
  const options = { env: [], home: '/root' };
  expect(completeEnv({ ...options, isTerminal: false })).toEqual([
    `PATH=${DEFAULT_PATH}`,
    'HOME=/root',
  ]);
  expect(completeEnv({ ...options, isTerminal: true })).toContain('TERM=xterm');
});

test('completeEnv() keeps what the image sets, and the last of two values', () => {
  const env = ['A=1', 'PATH=/x', 'HOME=', 'A=2=3', 'nothing', '=no'];
  expect(completeEnv({ env, home: '/root', isTerminal: true })).toEqual([
    'A=2=3',
    'PATH=/x',
    'HOME=',
    'TERM=xterm',
  ]);
});
