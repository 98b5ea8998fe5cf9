import { describe, expect, test } from 'vitest';
import { baseName, cleanPath, joinDestination, joinPath, joinWorkdir } from './image-path.ts';

describe('paths inside images', () => {
  test.each([
    ['', '/'],
    ['/', '/'],
    ['a//b/./c/', '/a/b/c'],
    ['/../../a/../b', '/b'],
  ])('cleanPath(%j) is %j', (path, expected) => {
    expect(cleanPath(path)).toBe(expected);
  });

  test.each([
    ['/w', 'a', '/w/a'],
    ['/w', '../a', '/a'],
    ['/w', '/a', '/a'],
    ['/', '', '/'],
  ])('joinPath(%j, %j) is %j', (parent, path, expected) => {
    expect(joinPath(parent, path)).toBe(expected);
  });

  // A destination that names a directory keeps its slash: that is what "copy into" means.
  test.each([
    ['/w', '.', '/w/'],
    ['/w', './', '/w/'],
    ['/w', '', '/w/'],
    ['/w', 'a', '/w/a'],
    ['/w', 'a/', '/w/a/'],
    ['/w', 'a/.', '/w/a/'],
    ['/w', '/a/', '/a/'],
    ['/w', '..', '/'],
    ['/', '.', '/'],
    ['/', '/', '/'],
  ])('joinDestination(%j, %j) is %j', (parent, path, expected) => {
    expect(joinDestination(parent, path)).toBe(expected);
  });

  // BuildKit stores absolute ones as written and joins relative ones.
  test.each([
    ['', 'a', '/a'],
    ['/', 'a/', '/a'],
    ['/x', '../y', '/y'],
    ['/x', '/a/', '/a/'],
    ['/x', '', '/x'],
  ])('joinWorkdir(%j, %j) is %j', (current, path, expected) => {
    expect(joinWorkdir(current, path)).toBe(expected);
  });

  test('baseName() of the root is empty', () => {
    expect([baseName('/a/b/'), baseName('/'), baseName('a')]).toEqual(['b', '', 'a']);
  });
});
