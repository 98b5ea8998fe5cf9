import type { BuildError } from '../diagnostics/build-error.ts';
import { badTar, shortened } from './errors.ts';

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
  const value = base256(field);
  if (value < 0n) throw badTar(`${what} is negative`);
  return safe(Number(value), what);
}

/** Two's complement of all bits but the first, which says that this is no octal number (GNU). */
function base256(field: Buffer): bigint {
  const bits = field.length * 8 - 1;
  const value = BigInt(`0x${field.toString('hex')}`) & ((1n << BigInt(bits)) - 1n);
  return BigInt.asIntN(bits, value);
}

/**
 * A time in a tar header, in seconds since 1970. GNU tar writes those before 1970 as negative base-256
 * numbers; what no clock will ever show becomes the nearest number that there is.
 */
export function readTime(block: Buffer, at: number, length: number): number {
  const field = block.subarray(at, at + length);
  if (((field[0] ?? 0) & 0x80) === 0) return readNumber(block, at, length, 'a time');
  return clamped(Number(base256(field)));
}

/** A decimal number in a PAX record. */
export function readDecimal(text: string, what: string): number {
  if (!/^-?\d{1,20}$/.test(text)) throw notDecimal(text, what);
  return safe(Number(text), what);
}

/** A time in a PAX record; its fraction is dropped, towards the past. */
export function readDecimalTime(text: string, what: string): number {
  if (!/^-?\d{1,40}(?:\.\d*)?$/.test(text)) throw notDecimal(text, what);
  return clamped(Math.floor(Number(text)));
}

function notDecimal(text: string, what: string): BuildError {
  return badTar(`${what} "${shortened(text.slice(0, 40))}" is not a number`);
}

function clamped(value: number): number {
  return Math.max(-Number.MAX_SAFE_INTEGER, Math.min(Number.MAX_SAFE_INTEGER, value));
}

function safe(value: number, what: string): number {
  if (!Number.isSafeInteger(value)) throw badTar(`${what} is too large`);
  return value;
}
