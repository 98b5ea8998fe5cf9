import { expect, test } from 'vitest';
import { parseArgv } from './argv.ts';
import { BUILD_FLAGS } from './build-flags.ts';
import { answerToForeignFlag, FOREIGN_FLAGS } from './foreign-flags.ts';

test('no flag of ours is answered as foreign', () => {
  expect(FOREIGN_FLAGS.filter((name) => Object.hasOwn(BUILD_FLAGS, name))).toEqual([]);
});

test('every flag of ours that an answer names exists', () => {
  const answers = FOREIGN_FLAGS.map((name) => answerToForeignFlag(name) ?? '');
  const named = answers.flatMap((text) =>
    // What stands first is the foreign flag itself.
    [...text.replace(/^"[^"]*"/, '').matchAll(/--([a-z][a-z-]*)/g)].map((match) => match[1] ?? ''),
  );
  // `prune --filter`, `RUN --mount` and `RUN --security`.
  const others = new Set(['filter', 'mount', 'security']);
  expect(named.filter((name) => !Object.hasOwn(BUILD_FLAGS, name) && !others.has(name))).toEqual(
    [],
  );
});

test('answerToForeignFlag() knows nothing of names that objects inherit', () => {
  expect(answerToForeignFlag('toString')).toBeUndefined();
});

test('parseArgv() takes an empty text for a flag that was not given, where that is asked for', () => {
  const options = { command: 'stagecraft build', allowsFlagsAfterWords: true };
  const argv = ['--file=', '--network', '', '-t', ''];
  const loose = parseArgv(BUILD_FLAGS, argv, { ...options, ignoresEmptyTexts: true });
  expect(loose.flags).toMatchObject({ file: undefined, network: undefined, tag: [''] });
  expect(parseArgv(BUILD_FLAGS, argv, options).flags).toMatchObject({ file: '', network: '' });
});
