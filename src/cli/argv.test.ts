import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BuildError } from '../diagnostics/build-error.ts';
import { parseArgv } from './argv.ts';
import { listFlag, switchFlag, textFlag } from './flag-table.ts';

const TABLE = {
  tag: listFlag('NAME', '', { short: 't' }),
  file: textFlag('PATH', '', { short: 'f' }),
  quiet: switchFlag('', { short: 'q' }),
  label: listFlag('TEXT', ''),
  pull: switchFlag(''),
  'no-cache': switchFlag(''),
};
const OPTIONS = { command: 'stagecraft build', allowsFlagsAfterWords: true };

function parse(line: readonly string[], allowsFlagsAfterWords = true): Record<string, unknown> {
  const { flags, positionals } = parseArgv(TABLE, line, { ...OPTIONS, allowsFlagsAfterWords });
  const given = Object.entries(flags).filter(
    ([, value]) => value !== undefined && !(Array.isArray(value) && value.length === 0),
  );
  return { ...Object.fromEntries(given), words: positionals };
}

function failure(line: readonly string[]): { code: string; message: string; hint: unknown } {
  try {
    parseArgv(TABLE, line, OPTIONS);
  } catch (error) {
    if (error instanceof BuildError) {
      return { code: error.code, message: error.message, hint: error.hint };
    }
    throw error;
  }
  throw new Error('the command line was accepted');
}

describe('parseArgv() reads what pflag reads', () => {
  test.each<[string, readonly string[], Record<string, unknown>]>([
    ['a switch takes no word', ['--pull', '.'], { pull: true, words: ['.'] }],
    ['a switch is turned off', ['--pull=false', '.'], { pull: false, words: ['.'] }],
    ['"no-" is no negation', ['--no-cache=false', '.'], { 'no-cache': false, words: ['.'] }],
    ['a value is joined', ['-ta:1', '-fD.x', '.'], { tag: ['a:1'], file: 'D.x', words: ['.'] }],
    ['letters are grouped', ['-qf', '-', '.'], { quiet: true, file: '-', words: ['.'] }],
    ['a value may look like a flag', ['--label', '-x', '.'], { label: ['-x'], words: ['.'] }],
    ['a value may be two dashes', ['--label', '--', '.'], { label: ['--'], words: ['.'] }],
    ['two dashes end the flags', ['-t', 'a', '--', '-odd'], { tag: ['a'], words: ['-odd'] }],
    ['a flag is repeated', ['-t', 'a', '--tag=b', '-t=c'], { tag: ['a', 'b', 'c'], words: [] }],
    ['the last value counts', ['-f', 'a', '-f', 'b'], { file: 'b', words: [] }],
    ['only the first "=" splits', ['--label=a=b=c'], { label: ['a=b=c'], words: [] }],
    ['a value may be empty', ['--file=', '.'], { file: '', words: ['.'] }],
    ['a letter is turned off', ['-q=false'], { quiet: false, words: [] }],
    ['one dash is a word', ['-'], { words: ['-'] }],
    ['flags follow words', ['.', '-q'], { quiet: true, words: ['.'] }],
  ])('%s', (_claim, line, expected) => {
    expect(parse(line)).toEqual(expected);
  });

  test('the first word ends the flags where a command follows', () => {
    expect(parse(['-q', 'image', 'sh', '-f', 'x'], false)).toEqual({
      quiet: true,
      words: ['image', 'sh', '-f', 'x'],
    });
  });

  test('everything after two dashes is a word, whatever it is', () => {
    fc.assert(
      fc.property(fc.array(fc.string()), (words) => {
        expect(parse(['-q', '--', ...words])).toEqual({ quiet: true, words });
      }),
    );
  });

  test('the inline form gives back any value', () => {
    fc.assert(
      fc.property(fc.string(), (value) => {
        expect(parse([`--file=${value}`])).toEqual({ file: value, words: [] });
      }),
    );
  });
});

describe('parseArgv() refuses', () => {
  test.each<[readonly string[], string, string, string | undefined]>([
    [
      ['--tagg', 'a'],
      'UNKNOWN_FLAG',
      'Cannot read the command line: "stagecraft build" has no flag "--tagg"',
      'Did you mean "--tag"?',
    ],
    [
      ['-qx'],
      'UNKNOWN_FLAG',
      'Cannot read the command line: "stagecraft build" has no flag "-x" in "-qx"',
      'Run "stagecraft build --help" for the flags',
    ],
    [
      ['--constructor'],
      'UNKNOWN_FLAG',
      'Cannot read the command line: "stagecraft build" has no flag "--constructor"',
      'Run "stagecraft build --help" for the flags',
    ],
    [
      ['-t'],
      'FLAG_VALUE_MISSING',
      'Cannot read the command line: flag "-t" needs a value',
      'Run "stagecraft build --help" for the flags',
    ],
    [
      ['--=x'],
      'FLAG_SYNTAX',
      'Cannot read the command line: "--=x" is not a flag',
      'Run "stagecraft build --help" for the flags',
    ],
    [
      ['--pull=yes'],
      'FLAG_VALUE_INVALID',
      'Cannot use "yes" for "--pull": expected "true" or "false"',
      undefined,
    ],
  ])('%j', (line, code, message, hint) => {
    expect(failure(line)).toEqual({ code, message, hint });
  });
});
