import type { ArgInstruction, EnvInstruction, KeyValue, LabelInstruction, Word } from './ast.ts';
import { checkFlags } from './check-flags.ts';
import { notAPair, quoted, wrongArguments } from './errors.ts';
import type { InstructionRequest } from './instruction-request.ts';
import { spanOf, wordOf } from './logical-line.ts';
import { splitQuotedWords } from './quoted-words.ts';
import { isSeparator, type Range } from './white-space.ts';

/** `ARG name[=default] …`. Flags are not looked at, as in BuildKit. */
export function readArg(request: InstructionRequest): ArgInstruction {
  const { line, base, report } = request;
  const words = splitQuotedWords(line.text, request.rest, request.escape);
  if (words.length === 0) report(atLeastOne(request));
  const args = words.map((range) => keyValue(request, range));
  for (const { key } of args) if (key.raw === '') reportBlankName(request, key);
  return { kind: 'arg', ...base, args };
}

export function readEnv(request: InstructionRequest): EnvInstruction {
  checkFlags(request, {});
  return { kind: 'env', ...request.base, variables: readPairs(request) };
}

export function readLabel(request: InstructionRequest): LabelInstruction {
  checkFlags(request, {});
  return { kind: 'label', ...request.base, labels: readPairs(request) };
}

/** `k=v …`, or `k v…` where the value is the rest of the line. The first word decides. */
function readPairs(request: InstructionRequest): KeyValue[] {
  const { line, label, report } = request;
  const words = splitQuotedWords(line.text, request.rest, request.escape);
  const [first] = words;
  if (first === undefined) {
    report(atLeastOne(request));
    return [];
  }
  if (equalsIn(line.text, first) < 0) return readLegacyPair(request);
  return words.flatMap((range) => {
    if (equalsIn(line.text, range) < 0) {
      const word = line.text.slice(range.start, range.end);
      const found = `Syntax error - can't find = in ${quoted(word)}. Must be of the form: name=value`;
      report(notAPair(label, found, spanOf(line, range)));
      return [];
    }
    const pair = keyValue(request, range);
    if (pair.key.raw === '') reportBlankName(request, pair.key);
    return [pair];
  });
}

function readLegacyPair(request: InstructionRequest): KeyValue[] {
  const { line, label, rest } = request;
  let keyEnd = rest.start;
  while (keyEnd < rest.end && !isSeparator(line.text.charCodeAt(keyEnd))) keyEnd++;
  let valueStart = keyEnd;
  while (valueStart < rest.end && isSeparator(line.text.charCodeAt(valueStart))) valueStart++;
  if (valueStart === keyEnd) {
    const found = `${label} must have two arguments`;
    request.report(notAPair(label, found, request.base.span, `Write ${label} name=value`));
    return [];
  }
  const key = wordOf(line, { start: rest.start, end: keyEnd });
  const value = wordOf(line, { start: valueStart, end: rest.end });
  return [{ key, value, isLegacy: true }];
}

function keyValue({ line }: InstructionRequest, range: Range): KeyValue {
  const equals = equalsIn(line.text, range);
  if (equals < 0) {
    return { key: wordOf(line, range), value: undefined, isLegacy: false };
  }
  return {
    key: wordOf(line, { start: range.start, end: equals }),
    value: wordOf(line, { start: equals + 1, end: range.end }),
    isLegacy: false,
  };
}

/** `indexOf` would look through the rest of the line for every word. */
function equalsIn(text: string, { start, end }: Range): number {
  for (let at = start; at < end; at++) if (text.charAt(at) === '=') return at;
  return -1;
}

function atLeastOne({ label, base }: InstructionRequest): ReturnType<typeof wrongArguments> {
  return wrongArguments(label, `${label} requires at least one argument`, base.span);
}

function reportBlankName({ label, report }: InstructionRequest, key: Word): void {
  report(wrongArguments(label, `${label} names can not be blank`, key.span));
}
