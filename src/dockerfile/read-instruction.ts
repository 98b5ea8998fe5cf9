import type { Instruction } from './ast.ts';
import { suggestion } from './check-flags.ts';
import { unknownInstruction } from './errors.ts';
import type { InstructionRequest } from './instruction-request.ts';
import { readCmd, readEntrypoint, readRun, readShell } from './read-command.ts';
import { readFrom } from './read-from.ts';
import { readHealthcheck } from './read-healthcheck.ts';
import { readOnbuild } from './read-onbuild.ts';
import {
  readExpose,
  readMaintainer,
  readStopsignal,
  readUser,
  readVolume,
  readWorkdir,
} from './read-settings.ts';
import { readAdd, readCopy } from './read-transfer.ts';
import { readArg, readEnv, readLabel } from './read-variables.ts';

type Read = (request: InstructionRequest) => Instruction | undefined;

/** The rules of each instruction. A reader reports what is wrong and may still return a node. */
const READERS: ReadonlyMap<string, Read> = new Map<string, Read>([
  ['add', readAdd],
  ['arg', readArg],
  ['cmd', readCmd],
  ['copy', readCopy],
  ['entrypoint', readEntrypoint],
  ['env', readEnv],
  ['expose', readExpose],
  ['from', readFrom],
  ['healthcheck', readHealthcheck],
  ['label', readLabel],
  ['maintainer', readMaintainer],
  ['onbuild', (request) => readOnbuild(request, readInstruction)],
  ['run', readRun],
  ['shell', readShell],
  ['stopsignal', readStopsignal],
  ['user', readUser],
  ['volume', readVolume],
  ['workdir', readWorkdir],
]);

/** Applies the rules of the instruction and reports every violation. */
export function readInstruction(request: InstructionRequest): Instruction | undefined {
  const read = READERS.get(request.name);
  if (read !== undefined) return read(request);
  const names = Array.from(READERS.keys(), (name) => name.toUpperCase());
  const similar = suggestion(request.keyword.raw, names);
  request.report(unknownInstruction(request.keyword.raw, request.keyword.span, similar));
  return undefined;
}
