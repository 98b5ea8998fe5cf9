import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cutToWidth, textWidth, visibleLine, visibleText } from './visible-text.ts';

test.each([
  ['a\tb', 'a   b'],
  ['abcd\te', 'abcd    e'],
  ['\u001b[31mred', '␛[31mred'],
  ['nul\u0000', 'nul␀'],
  ['\u007f\u009b', '␡\ufffd'],
  ['a\u202eb\u200bc', 'a\ufffdb\ufffdc'],
  ['grüße 船', 'grüße 船'],
])('visibleLine(%j) is %j', (text, expected) => {
  expect(visibleLine(text)).toBe(expected);
});

test('visibleText() keeps line ends and nothing else that acts', () => {
  expect(visibleText('a\r\nb\rc\n')).toBe('a\nb␍c\n');
});

test.each([
  ['abc', 3],
  ['船', 2],
  ['🚢', 2],
  ['e\u0301', 1],
  ['', 0],
])('textWidth(%j) is %d', (text, cells) => {
  expect(textWidth(text)).toBe(cells);
});

test('cutToWidth() never gives more cells than there are', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'grapheme' }), fc.nat(20), (text, cells) => {
      expect(textWidth(cutToWidth(visibleLine(text), cells))).toBeLessThanOrEqual(cells);
    }),
  );
});
