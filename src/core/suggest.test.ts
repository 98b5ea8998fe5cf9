import { describe, expect, test } from 'vitest';
import { nearest, nearestForBuildKit } from './suggest.ts';

describe('nearest()', () => {
  test.each([
    ['FORM', 'FROM'],
    ['wrkdr', 'WORKDIR'],
    ['pu', undefined],
    ['build', undefined],
  ])('takes %s for %s', (word, meant) => {
    expect(nearest(word, ['FROM', 'WORKDIR', 'run', 'build'])).toBe(meant);
  });
});

// What BuildKit's util/suggest says of the same.
describe('nearestForBuildKit()', () => {
  test.each([
    ['abe', ['abc', 'abd'], 'abc'],
    ['PTH', ['ABC', 'PATH'], 'PATH'],
    ['a', ['abc'], 'abc'],
    ['VRSN', ['VERSION'], undefined],
    ['path', ['PATH'], undefined],
    ['a', ['b', 'a'], undefined],
    ['x', [], undefined],
  ])('of %s and %j says %s', (word, names, meant) => {
    expect(nearestForBuildKit(word, names)).toBe(meant);
  });
});
