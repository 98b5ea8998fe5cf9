import { badTar } from './errors.ts';

/**
 * A number in a tar header: octal digits, or base-256 when the first bit is set (GNU). Empty is 0.
 * @throws BuildError TAR_INVALID for what is neither, negative, or too large to count bytes with
 */
export function readNumber(block: Buffer, at: number, length: number, what: string): number {
  const field = block.subarray(at, at + length);
  const first = field[0] ?? 0;
  if ((first & 0x80) !== 0) return readBase256(field, what);
  const text = field.toString('latin1').replace(/^[ \0]+|[ \0]+$/g, '');
  if (text === '') return 0;
  if (!/^[0-7]+$/.test(text)) throw badTar(`${what} is not a number`);
  return safe(Number.parseInt(text, 8), what);
}

function readBase256(field: Buffer, what: string): number {
  if (field[0] === 0xff) throw badTar(`${what} is negative`);
  let value = (field[0] ?? 0) & 0x7f;
  for (const byte of field.subarray(1)) {
    value = value * 256 + byte;
    if (value > Number.MAX_SAFE_INTEGER) throw badTar(`${what} is too large`);
  }
  return value;
}

/** A decimal number in a PAX record; times may have a fraction, which is dropped. */
export function readDecimal(text: string, what: string): number {
  const match = /^(-?\d{1,20})(?:\.\d*)?$/.exec(text);
  if (match === null) throw badTar(`${what} "${text.slice(0, 40)}" is not a number`);
  return safe(Number(match[1]), what);
}

function safe(value: number, what: string): number {
  if (!Number.isSafeInteger(value)) throw badTar(`${what} is too large`);
  return value;
}
