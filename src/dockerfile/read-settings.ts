import type {
  ExposeInstruction,
  MaintainerInstruction,
  StopsignalInstruction,
  UserInstruction,
  VolumeInstruction,
  Word,
  WorkdirInstruction,
} from './ast.ts';
import { checkFlags } from './check-flags.ts';
import { jsonNotStrings, wrongArguments } from './errors.ts';
import type { InstructionRequest } from './instruction-request.ts';
import { spanOf, wordOf } from './logical-line.ts';
import { splitAtSeparators, trimSpace } from './white-space.ts';

export function readExpose(request: InstructionRequest): ExposeInstruction {
  checkFlags(request, {});
  const { line, rest } = request;
  const ports = splitAtSeparators(line.text, rest).map((range) => wordOf(line, range));
  if (ports.length === 0) reportCount(request, 'at least');
  return { kind: 'expose', ...request.base, ports };
}

export function readUser(request: InstructionRequest): UserInstruction {
  checkFlags(request, {});
  return { kind: 'user', ...request.base, user: theArgument(request) };
}

export function readWorkdir(request: InstructionRequest): WorkdirInstruction {
  checkFlags(request, {});
  return { kind: 'workdir', ...request.base, path: theArgument(request) };
}

/** Flags are not looked at, as in BuildKit. */
export function readStopsignal(request: InstructionRequest): StopsignalInstruction {
  return { kind: 'stopsignal', ...request.base, signal: theArgument(request) };
}

export function readMaintainer(request: InstructionRequest): MaintainerInstruction {
  checkFlags(request, {});
  return { kind: 'maintainer', ...request.base, name: theArgument(request) };
}

export function readVolume(request: InstructionRequest): VolumeInstruction {
  checkFlags(request, {});
  const { line, rest, json, label, report } = request;
  let paths: Word[];
  if (json.kind === 'not-strings') {
    report(jsonNotStrings(label, spanOf(line, rest)));
    paths = [];
  } else {
    const words: Word[] =
      json.kind === 'strings'
        ? json.values.map((value, i) => wordOf(line, json.ranges[i] ?? rest, value))
        : splitAtSeparators(line.text, rest).map((range) => wordOf(line, range));
    paths = words.map(({ raw, span }) => ({ raw: trimSpace(raw), span }));
    if (paths.length === 0) reportCount(request, 'at least');
  }
  for (const path of paths) {
    if (path.raw !== '') continue;
    report(wrongArguments(label, 'VOLUME specified can not be an empty string', path.span));
  }
  return { kind: 'volume', ...request.base, paths };
}

/** The rest of the line, spaces included. */
function theArgument(request: InstructionRequest): Word {
  if (request.rest.start === request.rest.end) reportCount(request, 'exactly');
  return wordOf(request.line, request.rest);
}

function reportCount({ label, base, report }: InstructionRequest, how: string): void {
  report(wrongArguments(label, `${label} requires ${how} one argument`, base.span));
}
