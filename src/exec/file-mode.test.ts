import { describe, expect, test } from 'vitest';
import { parseModeChange } from './file-mode.ts';

function changed(text: string, mode: number, isDirectory = false): string | undefined {
  return parseModeChange(text)?.apply(mode, isDirectory).toString(8);
}

describe('parseModeChange()', () => {
  test.each<[string, number, string]>([
    ['755', 0o600, '755'],
    ['0', 0o777, '0'],
    ['7777', 0, '7777'],
    ['u+x', 0o644, '744'],
    ['go-w', 0o666, '644'],
    ['u=rwX,go=rX', 0o700, '755'],
    ['u=rwX,go=rX', 0o4600, '644'],
    ['+x', 0o644, '755'],
    ['a=r', 0o4755, '444'],
    ['=', 0o7777, '1000'],
    ['g=u', 0o750, '770'],
    ['o+u', 0o640, '646'],
    ['go-u', 0o666, '600'],
    ['+s', 0o755, '6755'],
    ['u+s,+t', 0o755, '5755'],
    ['o+s', 0o755, '755'],
    ['-X', 0o755, '644'],
    ['u+r-w', 0o200, '400'],
  ])('%s changes %o to %s', (text, mode, expected) => {
    expect(changed(text, mode)).toBe(expected);
  });

  test('X counts for directories whatever their mode', () => {
    expect(changed('a+X', 0o600)).toBe('600');
    expect(changed('a+X', 0o600, true)).toBe('711');
  });

  test.each(['', '8', '17777', 'u', 'u+z', 'rwx', 'u+x,', ',u+x', 'u+x g+x'])(
    'refuses %j',
    (text) => {
      expect(parseModeChange(text)).toBeUndefined();
    },
  );
});
