import { describe, expect, test } from 'vitest';
import { explainMiss, hashKeyParts, type KeyParts } from './cache-key.ts';

const base: KeyParts = {
  kind: 'exec',
  args: '["npm","ci"]',
  'env CI': '1',
  platform: 'linux/amd64',
};

describe('hashKeyParts()', () => {
  test('does not depend on the order the parts were added in', () => {
    const reversed = Object.fromEntries(Object.entries(base).reverse());
    expect(hashKeyParts(reversed)).toBe(hashKeyParts(base));
  });

  test.each<[string, KeyParts]>([
    ['a changed part', { ...base, args: '["npm","install"]' }],
    ['an added part', { ...base, user: 'node' }],
    ['a part that moved to another name', { ...base, 'env CI': '', 'env C': 'I1' }],
  ])('changes with %s', (_what, parts) => {
    expect(hashKeyParts(parts)).not.toBe(hashKeyParts(base));
  });

  test('keeps the boundary between name and value', () => {
    expect(hashKeyParts({ a: 'bc' })).not.toBe(hashKeyParts({ ab: 'c' }));
  });

  test('keeps the boundary between two parts', () => {
    expect(hashKeyParts({ a: '1', b: '2' })).not.toBe(hashKeyParts({ a: '11:b1:2' }));
  });
});

describe('explainMiss()', () => {
  test('names the part that changed and nothing else', () => {
    expect(explainMiss(base, { ...base, 'env CI': '0' })).toEqual([
      { part: 'env CI', before: '1', after: '0' },
    ]);
  });

  test('tells an added part from a removed one', () => {
    expect(explainMiss({ a: '1' }, { b: '2' })).toEqual([
      { part: 'a', before: '1', after: undefined },
      { part: 'b', before: undefined, after: '2' },
    ]);
  });
});
