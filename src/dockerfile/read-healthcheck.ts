import type { CommandForm, HealthcheckInstruction, Word } from './ast.ts';
import { checkFlags, type CheckedFlags } from './check-flags.ts';
import { parseDuration } from '../core/duration.ts';
import { invalidHealthcheck, quoted, wrongArguments } from './errors.ts';
import type { InstructionRequest } from './instruction-request.ts';
import { readJsonForm } from './json-array.ts';
import { spanOf } from './logical-line.ts';
import { readForm } from './read-command.ts';
import { isSpace, skipSpace, type Range } from './white-space.ts';

const ONE_MILLISECOND = 1_000_000;
const MAX_RETRIES = 2 ** 31 - 1;

/** `HEALTHCHECK NONE`, or `HEALTHCHECK [flags] CMD command`. The flags of NONE are not looked at. */
export function readHealthcheck(request: InstructionRequest): HealthcheckInstruction | undefined {
  const { line, base, report } = request;
  const { type, command } = splitType(request);
  const word = line.text.slice(type.start, type.end).toUpperCase();
  if (word === '') {
    report(wrongArguments('HEALTHCHECK', 'HEALTHCHECK requires at least one argument', base.span));
    return undefined;
  }
  if (word === 'NONE') {
    if (command.start < command.end) {
      report(invalidHealthcheck('HEALTHCHECK NONE takes no arguments', spanOf(line, command)));
    }
    return { kind: 'healthcheck', ...base, check: { type: 'none' } };
  }
  if (word !== 'CMD') {
    const found = `Unknown type ${quoted(word)} in HEALTHCHECK (try CMD)`;
    report(invalidHealthcheck(found, spanOf(line, type)));
  }
  const timing = readTiming(request);
  const form = readForm(request, readJsonForm(line.text, command), command);
  if (word === 'CMD' && isEmpty(form)) {
    report(invalidHealthcheck('Missing command after HEALTHCHECK CMD', base.span));
  }
  return { kind: 'healthcheck', ...base, check: { type: 'cmd', command: form, ...timing } };
}

function splitType({ line, rest }: InstructionRequest): { type: Range; command: Range } {
  let end = rest.start;
  while (end < rest.end && !isSpace(line.text.charCodeAt(end))) end++;
  const start = skipSpace(line.text, end, rest.end);
  return { type: { start: rest.start, end }, command: { start, end: rest.end } };
}

function readTiming(request: InstructionRequest): {
  interval: number | undefined;
  timeout: number | undefined;
  startPeriod: number | undefined;
  startInterval: number | undefined;
  retries: number | undefined;
} {
  const flags = checkFlags(request, {
    interval: 'text',
    timeout: 'text',
    'start-period': 'text',
    'start-interval': 'text',
    retries: 'text',
  });
  return {
    interval: readInterval(request, flags, 'interval'),
    timeout: readInterval(request, flags, 'timeout'),
    startPeriod: readInterval(request, flags, 'start-period'),
    startInterval: readInterval(request, flags, 'start-interval'),
    retries: readRetries(request, flags.texts.get('retries')),
  };
}

function readInterval(
  request: InstructionRequest,
  flags: CheckedFlags,
  name: string,
): number | undefined {
  const word = flags.texts.get(name);
  if (word === undefined || word.raw === '') return undefined;
  const parsed = parseDuration(word.raw);
  if (!parsed.ok) {
    request.report(invalidHealthcheck(parsed.message, word.span));
    return undefined;
  }
  const { nanoseconds } = parsed;
  if (nanoseconds !== 0 && nanoseconds < ONE_MILLISECOND) {
    const found = `Interval ${quoted(name)} cannot be less than 1ms`;
    request.report(invalidHealthcheck(found, word.span));
  }
  return nanoseconds;
}

function readRetries(request: InstructionRequest, word: Word | undefined): number | undefined {
  if (word === undefined || word.raw === '') return undefined;
  const isNumber = /^[-+]?[0-9]+$/.test(word.raw);
  const retries = Number(word.raw);
  const reason = !isNumber
    ? 'invalid syntax'
    : Math.abs(retries) > MAX_RETRIES
      ? 'value out of range'
      : undefined;
  if (reason !== undefined) {
    const found = `strconv.ParseInt: parsing ${quoted(word.raw)}: ${reason}`;
    request.report(invalidHealthcheck(found, word.span));
  } else if (retries < 0) {
    const found = `--retries cannot be negative (${retries})`;
    request.report(invalidHealthcheck(found, word.span));
  }
  return retries;
}

function isEmpty(form: CommandForm): boolean {
  return form.form === 'exec' ? form.argv.length === 0 : form.command === '';
}
