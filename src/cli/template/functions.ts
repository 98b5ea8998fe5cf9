import { goText, isRecord, isTrue, sortedEntries, sprintf } from './go-text.ts';
import type { Fault } from './tokens.ts';

type TemplateFunction = (args: readonly unknown[], fault: Fault) => unknown;

interface Definition {
  readonly min: number;
  readonly max: number;
  readonly call: TemplateFunction;
}

/** Longer texts are not for padding. */
const MAX_PAD = 10_000;

/** Functions of Go's templates and of Docker's (`json`, `join`, `split`, `title`, `pad`, `truncate` …). */
const DEFINITIONS: Readonly<Record<string, Definition>> = {
  and: some((args) => args.find((arg) => !isTrue(arg)) ?? args.at(-1)),
  or: some((args) => args.find(isTrue) ?? args.at(-1)),
  not: one((arg) => !isTrue(arg)),
  eq: { min: 2, max: Infinity, call: ([arg, ...rest]) => rest.some((other) => isSame(arg, other)) },
  ne: two((a, b) => !isSame(a, b)),
  lt: two((a, b, fault) => compare(a, b, fault) < 0),
  le: two((a, b, fault) => compare(a, b, fault) <= 0),
  gt: two((a, b, fault) => compare(a, b, fault) > 0),
  ge: two((a, b, fault) => compare(a, b, fault) >= 0),
  len: one(lengthOf),
  index: some(([value, ...keys], fault) =>
    keys.reduce((at: unknown, key) => indexed(at, key, fault), value),
  ),
  slice: { min: 1, max: 3, call: sliced },
  print: some((args) => args.map(goText).join(' ')),
  println: some((args) => `${args.map(goText).join(' ')}\n`),
  printf: some(([format, ...args]) => sprintf(goText(format), args)),
  json: one((arg) => JSON.stringify(arg ?? null)),
  join: two((list, separator) => listOf(list).map(goText).join(goText(separator))),
  split: two((text, separator) => goText(text).split(goText(separator))),
  upper: one((text) => goText(text).toUpperCase()),
  lower: one((text) => goText(text).toLowerCase()),
  title: one((text) => goText(text).replace(/\b[a-z]/g, (char) => char.toUpperCase())),
  pad: { min: 3, max: 3, call: padded },
  truncate: two((text, length, fault) =>
    Array.from(goText(text)).slice(0, wholeNumber(length, fault)).join(''),
  ),
};

/** The names that may be called. */
export const FUNCTION_NAMES: ReadonlySet<string> = new Set(Object.keys(DEFINITIONS));

/** Calls one of `FUNCTION_NAMES`. Faults are thrown as `fault` words them. */
export function callFunction(name: string, args: readonly unknown[], fault: Fault): unknown {
  const definition = DEFINITIONS[name];
  if (definition === undefined) throw new TypeError(`There is no function "${name}"`);
  const { min, max, call } = definition;
  if (args.length < min || args.length > max) {
    const wanted =
      min === max ? String(min) : max === Infinity ? `${min} or more` : `${min} to ${max}`;
    throw fault(`"${name}" needs ${wanted} values, and has ${args.length}`);
  }
  return call(args, fault);
}

/** Entries of a list, or values of a map in the order of its keys. */
export function listOf(value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value as readonly unknown[];
  return isRecord(value) ? sortedEntries(value).map(([, each]) => each) : [];
}

function some(call: TemplateFunction): Definition {
  return { min: 1, max: Infinity, call };
}

function one(call: (arg: unknown, fault: Fault) => unknown): Definition {
  return { min: 1, max: 1, call: ([arg], fault) => call(arg, fault) };
}

function two(call: (a: unknown, b: unknown, fault: Fault) => unknown): Definition {
  return { min: 2, max: 2, call: ([a, b], fault) => call(a, b, fault) };
}

function isSame(a: unknown, b: unknown): boolean {
  return (a ?? null) === (b ?? null);
}

function compare(a: unknown, b: unknown, fault: Fault): number {
  if (typeof a === 'number' && typeof b === 'number') return a - b;
  if (typeof a === 'string' && typeof b === 'string') return a === b ? 0 : a < b ? -1 : 1;
  throw fault('only two numbers or two texts can be compared');
}

function lengthOf(value: unknown, fault: Fault): number {
  if (value === undefined || value === null) return 0;
  if (typeof value === 'string') return Buffer.byteLength(value);
  if (Array.isArray(value)) return value.length;
  if (isRecord(value)) return Object.keys(value).length;
  throw fault('"len" needs a list, a map or a text');
}

function indexed(value: unknown, key: unknown, fault: Fault): unknown {
  if (Array.isArray(value) && typeof key === 'number') {
    if (key >= 0 && key < value.length) return value[key] as unknown;
    throw fault(`the list has ${value.length} entries, and none at ${key}`);
  }
  if (value === undefined || value === null) return undefined;
  if (isRecord(value) && typeof key === 'string') {
    return Object.hasOwn(value, key) ? value[key] : '';
  }
  throw fault('"index" needs a list and a number, or a map and a text');
}

function sliced([value, from = 0, to]: readonly unknown[], fault: Fault): unknown {
  if (typeof value !== 'string' && !Array.isArray(value)) {
    throw fault('"slice" needs a list or a text');
  }
  const start = wholeNumber(from, fault);
  const end = to === undefined ? value.length : wholeNumber(to, fault);
  if (start <= end && end <= value.length) return value.slice(start, end) as unknown;
  throw fault(`it has ${value.length} entries, and none from ${start} to ${end}`);
}

function padded([text, before, after]: readonly unknown[], fault: Fault): string {
  const left = wholeNumber(before, fault);
  const right = wholeNumber(after, fault);
  const shown = goText(text);
  return shown === '' ? '' : `${' '.repeat(left)}${shown}${' '.repeat(right)}`;
}

function wholeNumber(value: unknown, fault: Fault): number {
  const isGood = Number.isInteger(value) && Number(value) >= 0 && Number(value) <= MAX_PAD;
  if (!isGood) throw fault(`${goText(value)} is no number from 0 to ${MAX_PAD}`);
  return Number(value);
}
