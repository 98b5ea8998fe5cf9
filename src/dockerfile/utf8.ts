import type { BytePath } from '../core/bytes.ts';

/*
 * `core/bytes.ts` does this with Buffer, which browsers do not have.
 */

/** The bytes of a text in UTF-8, one char each. A lone surrogate becomes U+FFFD. */
export function encodeUtf8(text: string): BytePath {
  if (!hasHighCharacters(text)) return text as BytePath;
  let bytes = '';
  for (const byte of new TextEncoder().encode(text)) bytes += String.fromCharCode(byte);
  return bytes as BytePath;
}

/** Code points of UTF-8 bytes. Each byte that is not valid where it stands becomes U+FFFD, as in Go. */
export function decodeUtf8(bytes: string): number[] {
  const points: number[] = [];
  for (let at = 0; at < bytes.length;) {
    const size = sequenceLength(bytes, at);
    points.push(size === 0 ? 0xfffd : pointOf(bytes, at, size));
    at += Math.max(size, 1);
  }
  return points;
}

/** Whether any char is above 0x7f. */
export function hasHighCharacters(text: string): boolean {
  for (let i = 0; i < text.length; i++) if (text.charCodeAt(i) > 0x7f) return true;
  return false;
}

/** Bytes of the well-formed sequence at an index; 0 if there is none. */
function sequenceLength(bytes: string, at: number): 0 | 1 | 2 | 3 | 4 {
  const first = bytes.charCodeAt(at);
  if (first < 0x80) return 1;
  const size = first < 0xc2 ? 0 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
  for (let i = 1; i < size; i++) {
    const next = bytes.charCodeAt(at + i);
    // NaN at the end of the string fails this as well.
    if (!(next >= 0x80 && next <= 0xbf)) return 0;
  }
  if (size < 3) return size;
  // Longer forms than needed, surrogates and what is above U+10FFFF are not well-formed.
  const point = pointOf(bytes, at, size);
  const isWellFormed =
    size === 3
      ? point >= 0x800 && (point < 0xd800 || point > 0xdfff)
      : point >= 0x10000 && point <= 0x10ffff;
  return isWellFormed ? size : 0;
}

function pointOf(bytes: string, at: number, size: number): number {
  const first = bytes.charCodeAt(at);
  if (size === 1) return first;
  let point = first & (0xff >> (size + 1));
  for (let i = 1; i < size; i++) point = (point << 6) | (bytes.charCodeAt(at + i) & 0x3f);
  return point;
}
