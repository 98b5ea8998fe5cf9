import { describe, expect, test } from 'vitest';
import { cleanPath } from './clean-path.ts';
import { csvFields } from './csv-fields.ts';
import { parseDuration } from '../core/duration.ts';
import { parseByteSize, parseGoBool, parseUnsigned } from './go-values.ts';
import { decodeUtf8, encodeUtf8 } from './utf8.ts';

describe('parseByteSize()', () => {
  test.each<[string, number | undefined]>([
    ['4096', 4096],
    ['64m', 67_108_864],
    ['64 MiB', 67_108_864],
    ['1.5k', 1536],
    ['.5KB', 512],
    ['7b', 7],
    ['1p', 1024 ** 5],
    ['', undefined],
    ['m', undefined],
    ['-1', undefined],
    ['1e9', undefined],
    ['1bk', undefined],
    ['1mx', undefined],
    ['99999p', undefined],
  ])('%j is %s', (text, bytes) => {
    expect(parseByteSize(text)).toBe(bytes);
  });
});

describe('parseGoBool() and parseUnsigned()', () => {
  test('accept what Go accepts', () => {
    expect(['1', 'T', 'true', 'True'].map(parseGoBool)).toEqual([true, true, true, true]);
    expect(['0', 'f', 'FALSE', 'no', ''].map(parseGoBool)).toEqual([
      false,
      false,
      false,
      undefined,
      undefined,
    ]);
    expect([parseUnsigned('0755', 8, 4095), parseUnsigned('10', 10, 10)]).toEqual([493, 10]);
    expect(['', '+1', '-1', '1_0', '0x1', '11'].map((text) => parseUnsigned(text, 10, 10))).toEqual(
      Array.from({ length: 6 }, () => undefined),
    );
  });
});

describe('parseDuration()', () => {
  test.each<[string, number]>([
    ['0', 0],
    ['5s', 5e9],
    ['1h30m', 5400e9],
    ['1.5ms', 1_500_000],
    ['-2us', -2000],
    ['3µs', 3000],
    ['.5h', 1800e9],
  ])('%s is %d ns', (text, nanoseconds) => {
    expect(parseDuration(text)).toEqual({ ok: true, nanoseconds });
  });

  test.each([
    ['', 'time: invalid duration ""'],
    ['x', 'time: invalid duration "x"'],
    ['.s', 'time: invalid duration ".s"'],
    ['5', 'time: missing unit in duration "5"'],
    ['5x', 'time: unknown unit "x" in duration "5x"'],
    ['9999999h', 'time: invalid duration "9999999h"'],
  ])('refuses %j', (text, message) => {
    expect(parseDuration(text)).toEqual({ ok: false, message });
  });
});

describe('csvFields()', () => {
  test.each<[string, string[]]>([
    ['a,b', ['a', 'b']],
    ['a,', ['a', '']],
    ['"a,""b""",c', ['a,"b"', 'c']],
    ['""', ['']],
  ])('splits %s', (text, fields) => {
    expect(csvFields(text)).toEqual({ ok: true, fields });
  });

  test.each([
    ['', 'EOF'],
    ['a"b', 'parse error on line 1, column 2: bare " in non-quoted field'],
    ['"a"b', 'parse error on line 1, column 3: extraneous or missing " in quoted-field'],
    ['"a', 'parse error on line 1, column 3: extraneous or missing " in quoted-field'],
  ])('refuses %j', (text, message) => {
    expect(csvFields(text)).toEqual({ ok: false, message });
  });
});

test.each([
  ['', '.'],
  ['a/./b//c/', 'a/b/c'],
  ['/a/../../b', '/b'],
  ['a/../../b', '../b'],
  ['/', '/'],
  ['a/..', '.'],
])('cleanPath(%j) is %s', (path, cleaned) => {
  expect(cleanPath(path)).toBe(cleaned);
});

describe('decodeUtf8()', () => {
  test('undoes encodeUtf8()', () => {
    const text = 'aé☺😀\u07ff\u0800\uffff\u{10ffff}';
    expect(String.fromCodePoint(...decodeUtf8(encodeUtf8(text)))).toBe(text);
  });

  test('makes one U+FFFD of every wrong byte', () => {
    expect(decodeUtf8('\x80a\xe2\x98')).toEqual([0xfffd, 0x61, 0xfffd, 0xfffd]);
    expect(decodeUtf8('\xc0\x80\xed\xa0\x80')).toEqual(Array.from({ length: 5 }, () => 0xfffd));
  });
});
