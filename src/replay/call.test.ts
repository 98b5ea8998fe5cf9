import fc from 'fast-check';
import { expect, test } from 'vitest';
import { callerVariable, callId, type Call } from './call.ts';

const CALL: Call = {
  argv: ['node', 'main.cjs', 'build', '-t', 'app', '.'],
  cwd: '/project',
  env: { HOME: '/home/me', PATH: '/bin', TOKEN: 'secret', SHLVL: '1' },
};

test('the same call has the same id, whatever shells add to it', () => {
  expect(callId(CALL)).toMatch(/^[0-9a-f]{32}$/);
  const again = { SHLVL: '2', _: '/bin/x', OLDPWD: '/', TOKEN: 'secret', PATH: '/bin' };
  expect(callId({ ...CALL, env: { ...again, HOME: '/home/me' } })).toBe(callId(CALL));
});

test.each<[string, Partial<Call>]>([
  ['another word', { argv: [...CALL.argv.slice(0, -1), '..'] }],
  ['words that are joined', { argv: ['node', 'main.cjs', 'build', '-t', 'app .'] }],
  ['another directory', { cwd: '/other' }],
  ['another value of a variable', { env: { ...CALL.env, TOKEN: 'secreT' } }],
  ['one more variable', { env: { ...CALL.env, NEW: '' } }],
  ['a variable less', { env: { ...CALL.env, TOKEN: undefined } }],
])('%s makes another call', (_, change) => {
  expect(callId({ ...CALL, ...change })).not.toBe(callId(CALL));
});

test('no two of many calls that differ in little have one id', () => {
  const ids = new Set(
    Array.from({ length: 20_000 }, (_, i) => callId({ ...CALL, cwd: `/project/${String(i)}` })),
  );
  expect(ids.size).toBe(20_000);
});

test('a process that was started anew in a user namespace has the id of its caller', () => {
  const inside = {
    ...CALL.env,
    HOME: '/home/me',
    PATH: '/bin:/usr/sbin',
    STAGECRAFT_ROOT: '/home/me/.local/share/stagecraft',
    STAGECRAFT_USER_NAMESPACE: 'subordinate',
    STAGECRAFT_HOST_UID: '1000',
    ...callerVariable(CALL.env),
  };
  expect(callId({ ...CALL, env: inside })).toBe(callId(CALL));
});

test('any call has an id', () => {
  const text = fc.string({ unit: 'binary' });
  fc.assert(
    fc.property(fc.array(text), text, fc.dictionary(text, text), (argv, cwd, env) => {
      expect(callId({ argv, cwd, env })).toMatch(/^[0-9a-f]{32}$/);
      const confused = { ...env, STAGECRAFT_USER_NAMESPACE: 'x', STAGECRAFT_CALLER: cwd };
      expect(callId({ argv, cwd, env: confused })).toMatch(/^[0-9a-f]{32}$/);
    }),
  );
});
