import { describe, expect, test } from 'vitest';
import { fileNameOf, safeFileName } from './file-name.ts';

describe('safeFileName()', () => {
  // BuildKit's table of CVE-2026-33747.
  test.each([
    ['', undefined],
    ['.', undefined],
    ['..', undefined],
    ['../', undefined],
    ['a\0b', undefined],
    ['a\nb', undefined],
    ['a/b/c.txt', 'c.txt'],
    ['..\\..\\c.txt', 'c.txt'],
    ['x'.repeat(256), undefined],
    ['plain.tar.gz', 'plain.tar.gz'],
  ])('C06 %j is %j', (name, expected) => {
    expect(safeFileName(name)).toBe(expected);
  });
});

describe('fileNameOf()', () => {
  const url = new URL('https://h.example/dir/file%20one.txt?x=y');
  test.each([
    [undefined, 'file one.txt'],
    ['attachment', 'file one.txt'],
    ['attachment; filename=two.txt', 'two.txt'],
    ['attachment; filename="t\\"wo.txt"', 't"wo.txt'],
    ['attachment; filename="../../x"', 'x'],
    ['attachment; filename=".."', 'file one.txt'],
    [`attachment; filename="a"; filename*=UTF-8''na%C3%AFve.txt`, 'naïve.txt'],
    [`attachment; filename*=UTF-8''..%2F..%2Fetc%2Fpasswd`, 'passwd'],
  ])('C06 Content-Disposition %j gives %j', (header, expected) => {
    expect(fileNameOf(header, url)).toBe(expected);
  });

  test('calls a URL without a name "download"', () => {
    expect(fileNameOf(undefined, new URL('https://h.example/'))).toBe('download');
  });
});
