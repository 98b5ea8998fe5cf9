import { describe, expect, test } from 'vitest';
import { BuildError } from '../diagnostics/build-error.ts';
import { renderError } from '../diagnostics/render.ts';
import { readGlobalFlags } from './global-flags.ts';

describe('readGlobalFlags()', () => {
  test.each<[readonly string[], readonly string[], readonly string[]]>([
    [
      ['--root', '/s', 'build', '.'],
      ['build', '.'],
      ['--root', '/s'],
    ],
    [['--root=/s', 'images'], ['images'], ['--root', '/s']],
    [['-D', '-l', 'debug', '--context=default', 'ps'], ['ps'], []],
    [['build', '--root', '/s'], ['build', '--root', '/s'], []],
    [['--debug', '--version'], ['version'], []],
    [['-D', '--help'], ['help'], []],
    [['-D'], [], []],
  ])('%j', (argv, words, commandFlags) => {
    expect(readGlobalFlags(argv)).toEqual({ words, commandFlags, env: {} });
  });

  test("--config is Docker's directory, as DOCKER_CONFIG is", () => {
    expect(readGlobalFlags(['--config', '/c', 'push', 'a']).env).toEqual({ DOCKER_CONFIG: '/c' });
  });

  test.each([
    [
      ['-H', 'tcp://x', 'ps'],
      'error[FLAG_UNSUPPORTED]: Cannot use "--host": there is no daemon to choose, builds run in this process',
    ],
    [
      ['--context', 'far', 'ps'],
      'error[FLAG_UNSUPPORTED]: Cannot use "--context": there is no daemon to choose, builds run in this process; the build context is the last word of "build"',
    ],
    [
      ['--rot', '/s', 'ps'],
      'error[UNKNOWN_FLAG]: Cannot read the command line: "stagecraft" has no flag "--rot"\n  hint: Did you mean "--root"?',
    ],
  ])('refuses %j', (argv, text) => {
    expect(() => readGlobalFlags(argv)).toThrow(BuildError);
    try {
      readGlobalFlags(argv);
    } catch (error) {
      expect(renderError(error as BuildError)).toBe(text);
    }
  });
});
