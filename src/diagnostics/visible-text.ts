/**
 * Text from files, registries and build steps, made fit for a terminal. A Dockerfile, a file name or
 * the output of a step may hold sequences that move the cursor, set the title or turn text around;
 * none of them may act.
 */

const CONTROL = /[\u0000-\u001f\u007f-\u009f]/g;
/** Marks that reorder or hide text (Unicode TR9, TR36). */
const DECEPTIVE = /[\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g;
const TAB_CELLS = 4;

/**
 * One line with nothing in it that acts on a terminal: tabs become spaces up to the next stop, other
 * control characters their pictures (U+2400 and up), C1 controls and deceptive marks U+FFFD.
 */
export function visibleLine(text: string): string {
  return expandTabs(text)
    .replace(CONTROL, (char) => picture(char.charCodeAt(0)))
    .replace(DECEPTIVE, '\ufffd');
}

/** Like `visibleLine` for text of several lines; `\n` and `\r\n` stay line ends. */
export function visibleText(text: string): string {
  return text
    .split('\n')
    .map((line) => visibleLine(line.endsWith('\r') ? line.slice(0, -1) : line))
    .join('\n');
}

/** Terminal cells that visible text takes: 2 for East Asian wide signs and emoji, 0 for combining marks. */
export function textWidth(text: string): number {
  if (isPrintableAscii(text)) return text.length;
  let cells = 0;
  for (const char of text) cells += charWidth(char);
  return cells;
}

/** The longest start of the text that fits into `cells`; one that was cut ends in `…`. */
export function cutToWidth(text: string, cells: number): string {
  if (textWidth(text) <= cells) return text;
  if (cells <= 0) return '';
  let out = '';
  let used = 0;
  for (const char of text) {
    const width = charWidth(char);
    if (used + width > cells - 1) break;
    out += char;
    used += width;
  }
  return `${out}…`;
}

function isPrintableAscii(text: string): boolean {
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code > 0x7e) return false;
  }
  return true;
}

const ZERO_WIDTH = /^[\p{Mn}\p{Me}\p{Cf}]$/u;

/** First and last code point of the blocks that terminals draw two cells wide (Unicode TR11, W and F, by block). */
const WIDE: readonly (readonly [number, number])[] = [
  [0x1100, 0x115f],
  [0x231a, 0x231b],
  [0x23e9, 0x23ec],
  [0x2705, 0x2705],
  [0x2728, 0x2728],
  [0x274c, 0x274c],
  [0x2e80, 0x303e],
  [0x3041, 0x33ff],
  [0x3400, 0x4dbf],
  [0x4e00, 0x9fff],
  [0xa000, 0xa4cf],
  [0xac00, 0xd7a3],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff00, 0xff60],
  [0xffe0, 0xffe6],
  [0x1f300, 0x1f64f],
  [0x1f680, 0x1f6ff],
  [0x1f900, 0x1f9ff],
  [0x20000, 0x3fffd],
];

function charWidth(char: string): number {
  const code = char.codePointAt(0) ?? 0;
  if (code < 0x20 || (code >= 0x7f && code < 0xa0)) return 0;
  if (code < 0x300) return 1;
  if (ZERO_WIDTH.test(char)) return 0;
  return WIDE.some(([first, last]) => code >= first && code <= last) ? 2 : 1;
}

function picture(code: number): string {
  if (code < 0x20) return String.fromCharCode(0x2400 + code);
  return code === 0x7f ? '\u2421' : '\ufffd';
}

function expandTabs(text: string): string {
  const [first = '', ...rest] = text.split('\t');
  let out = first;
  for (const piece of rest) out += ' '.repeat(TAB_CELLS - (textWidth(out) % TAB_CELLS)) + piece;
  return out;
}
