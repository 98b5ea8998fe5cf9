import fc from 'fast-check';
import { expect, test } from 'vitest';
import { cleanOutputLine, OutputLines } from './output-lines.ts';

test.each<[string, string, boolean, string]>([
  ['moves of the cursor are dropped', 'a\u001b[2Ab\u001b[Kc', true, 'abc'],
  ['the title is not set', '\u001b]0;owned\u0007ok', true, 'ok'],
  ['a string without an end is dropped', 'ok\u001b]52;c;AAAA', true, 'ok'],
  ['colours are kept and ended', '\u001b[31mred', true, '\u001b[31mred\u001b[0m'],
  ['colours are dropped when asked', '\u001b[31mred\u001b[0m', false, 'red'],
  ['what is overwritten is dropped', '10%\r50%\r100%', true, '100%'],
  ['a DOS line end is no overwriting', 'done\r', true, 'done'],
  ['other control characters show as pictures', 'a\u0008b\u0000', true, 'a\u2408b\u2400'],
])('%s', (_claim, line, keepsColour, expected) => {
  expect(cleanOutputLine(line, keepsColour)).toBe(expected);
});

test('lines do not depend on how their bytes were cut', () => {
  const text = 'grüße 🚢\nzwei\n\nlast';
  const bytes = Buffer.from(text);
  fc.assert(
    fc.property(fc.array(fc.nat(bytes.length), { maxLength: 6 }), (cuts) => {
      const lines = new OutputLines({ keepsColour: false });
      const ends = [...cuts.sort((a, b) => a - b), bytes.length];
      let from = 0;
      const got: string[] = [];
      for (const end of ends) {
        got.push(...lines.push(bytes.subarray(from, end)));
        from = end;
      }
      expect([...got, ...lines.finish()]).toEqual(text.split('\n'));
    }),
  );
});

test('no output makes a character that acts on the terminal', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(cleanOutputLine(text, false)).not.toMatch(/[\u0000-\u001f\u007f-\u009f]/);
    }),
  );
});

test('a line that never ends is broken', () => {
  const lines = new OutputLines({ keepsColour: false });
  expect(lines.push(Buffer.alloc(70_000, 'x')).map((line) => line.length)).toEqual([65_536]);
});
