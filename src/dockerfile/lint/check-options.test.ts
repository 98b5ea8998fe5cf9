import { describe, expect, test } from 'vitest';
import { hasRule, parseCheckOptions } from './check-options.ts';

describe('parseCheckOptions()', () => {
  test('reads every part, in any order and with blanks', () => {
    const result = parseCheckOptions(' error = true ;skip=A, B; experimental=all');
    expect(result).toEqual({
      ok: true,
      options: { skips: new Set(['A', 'B']), enables: 'all', isError: true },
    });
  });

  test('takes an empty text for no options', () => {
    const none = { skips: new Set(), enables: new Set(), isError: false };
    expect(parseCheckOptions(' ')).toEqual({ ok: true, options: none });
  });

  test.each([
    ['skip', 'invalid check option "skip"'],
    ['skips=A', 'invalid check option "skips"'],
    ['error=yes', 'failed to parse check option "error=yes": expected true or false'],
    ['skip=A;', 'invalid check option ""'],
  ])('refuses %j', (text, message) => {
    expect(parseCheckOptions(text)).toEqual({ ok: false, message });
  });
});

test('hasRule() finds every rule in "all"', () => {
  expect(hasRule('all', 'StageNameCasing')).toBe(true);
  expect(hasRule(new Set(['StageNameCasing']), 'stagenamecasing')).toBe(false);
});
