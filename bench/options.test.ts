import { expect, test } from 'vitest';
import { BenchUsageError, readBenchOptions } from './options.ts';

const KNOWN = { peers: ['stagecraft', 'buildah'], workloads: ['W1', 'W3a', 'W3b'] };

test('without words, all work is done five times by all', () => {
  const options = { runs: 5, files: 50_000, peers: undefined, json: undefined, workloads: [] };
  expect(readBenchOptions([], KNOWN)).toEqual(options);
});

test('numbers, builders and the beginnings of ids are taken', () => {
  const words = ['--runs', '3', '--files=7', '--peers', 'buildah', '--json', 'out', 'W3', 'W1'];
  expect(readBenchOptions(words, KNOWN)).toEqual({
    ...{ runs: 3, files: 7, peers: ['buildah'], json: 'out', workloads: ['W3', 'W1'] },
  });
});

test.each([
  [['--peers', 'nonsense'], 'No builder "nonsense": there are stagecraft, buildah'],
  [['--peers', 'buildah,'], 'No builder "": there are stagecraft, buildah'],
  [['W2'], 'No workload "W2": there are W1, W3a, W3b'],
  [['--runs', 'many'], '--runs "many" is not a whole number from 1 on'],
  [['--runs', '0'], '--runs "0" is not a whole number from 1 on'],
  [['--files', '1e3'], '--files "1e3" is not a whole number from 1 on'],
  [['--fils', '1'], /Unknown option '--fils'/],
])('%j is refused', (words, message) => {
  expect(() => readBenchOptions(words, KNOWN)).toThrow(message);
  expect(() => readBenchOptions(words, KNOWN)).toThrow(BenchUsageError);
});
