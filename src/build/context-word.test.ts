import { describe, expect, test } from 'vitest';
import { readContextWord } from './context-word.ts';

describe('readContextWord()', () => {
  test.each([
    ['https://h.example/r.git#v1:dir', { kind: 'git', url: 'https://h.example/r.git#v1:dir' }],
    ['git@h.example:a/b', { kind: 'git', url: 'git@h.example:a/b' }],
    ['ssh://git@h.example/r', { kind: 'git', url: 'ssh://git@h.example/r' }],
    ['git://h.example/a', { kind: 'git', url: 'git://h.example/a' }],
    ['github.com/a/b', { kind: 'git', url: 'https://github.com/a/b.git' }],
    ['github.com/a/b.git#main:x', { kind: 'git', url: 'https://github.com/a/b.git#main:x' }],
    ['https://h.example/context.tar.gz', { kind: 'url', url: 'https://h.example/context.tar.gz' }],
    ['./https:/x', { kind: 'directory', path: './https:/x' }],
    ['.', { kind: 'directory', path: '.' }],
    ['file:///etc', { kind: 'directory', path: 'file:///etc' }],
  ])('%s', (word, expected) => {
    expect(readContextWord(word)).toEqual(expected);
  });
});
