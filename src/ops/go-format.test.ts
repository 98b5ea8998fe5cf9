import { describe, expect, test } from 'vitest';
import { goDuration, goList, goQuote, goQuotedList } from './go-format.ts';

// The expected texts are what Go 1.22 prints.
describe('as Go prints them', () => {
  test.each([
    [0, '0s'],
    [1, '1ns'],
    [1_500, '1.5µs'],
    [1_000_000, '1ms'],
    [500_000_000, '500ms'],
    [1_500_000_000, '1.5s'],
    [30_000_000_000, '30s'],
    [60_000_000_000, '1m0s'],
    [90_000_000_000, '1m30s'],
    [3_600_000_000_000, '1h0m0s'],
    [90_061_000_000_001, '25h1m1.000000001s'],
    [-1_500_000_000, '-1.5s'],
  ])('%d nanoseconds are %s', (nanoseconds, expected) => {
    expect(goDuration(nanoseconds)).toBe(expected);
  });

  test.each([
    ['plain', '"plain"'],
    ['a"b\\c', '"a\\"b\\\\c"'],
    ['\t\n\r\u0007\b\f\v', '"\\t\\n\\r\\a\\b\\f\\v"'],
    ['\u0000\u001b\u007f', '"\\x00\\x1b\\x7f"'],
    ['é 日本 😀', '"é 日本 😀"'],
    ['\u00a0\u200b\ufeff', '"\\u00a0\\u200b\\ufeff"'],
    ['\u{e0001}', '"\\U000e0001"'],
  ])('%j is quoted %s', (text, expected) => {
    expect(goQuote(text)).toBe(expected);
  });

  test('lists', () => {
    expect(goList(['a', 'b c'])).toBe('[a b c]');
    expect(goList([])).toBe('[]');
    expect(goQuotedList(['a', 'b c'])).toBe('["a" "b c"]');
    expect(goQuotedList([])).toBe('[]');
  });
});
