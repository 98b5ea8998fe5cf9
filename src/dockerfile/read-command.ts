import type {
  CmdInstruction,
  CommandForm,
  EntrypointInstruction,
  Heredoc,
  RunInstruction,
  ShellInstruction,
} from './ast.ts';
import { checkFlags } from './check-flags.ts';
import { invalidFlagValue, jsonNotStrings, quoted, wrongArguments } from './errors.ts';
import { chompTabs, parseHeredocWord } from './heredoc.ts';
import type { HeredocBody, InstructionRequest } from './instruction-request.ts';
import type { JsonForm } from './json-array.ts';
import { spanOf } from './logical-line.ts';
import { parseRunDevice } from './run-device.ts';
import { checkUnexpandedMount } from './run-mount.ts';
import type { Range } from './white-space.ts';

const NETWORKS = ['default', 'none', 'host'] as const;
const SECURITY_MODES = ['sandbox', 'insecure'] as const;

export function readCmd(request: InstructionRequest): CmdInstruction {
  checkFlags(request, {});
  return { kind: 'cmd', ...request.base, command: readForm(request, request.json, request.rest) };
}

export function readEntrypoint(request: InstructionRequest): EntrypointInstruction {
  checkFlags(request, {});
  const command = readForm(request, request.json, request.rest);
  return { kind: 'entrypoint', ...request.base, command };
}

/** JSON form only. */
export function readShell(request: InstructionRequest): ShellInstruction {
  checkFlags(request, {});
  const form = readForm(request, request.json, request.rest);
  if (form.form === 'exec' && form.argv.length > 0) {
    return { kind: 'shell', ...request.base, argv: form.argv };
  }
  const isEmpty = form.form === 'exec' || form.command === '';
  const found = isEmpty
    ? 'SHELL requires at least one argument'
    : 'SHELL requires the arguments to be in JSON form';
  const hint = 'Write it as SHELL ["/bin/sh", "-c"]';
  // A bad array was reported as such already.
  if (request.json.kind !== 'not-strings') {
    request.report(wrongArguments('SHELL', found, request.base.span, hint));
  }
  return { kind: 'shell', ...request.base, argv: [] };
}

export function readRun(request: InstructionRequest): RunInstruction {
  const flags = checkFlags(request, {
    mount: 'list',
    network: 'text',
    security: 'text',
    device: 'list',
  });
  const mounts = flags.lists.get('mount') ?? [];
  const devices = flags.lists.get('device') ?? [];
  const networkWord = flags.texts.get('network');
  const network = NETWORKS.find((mode) => mode === (networkWord?.raw ?? 'default'));
  if (network === undefined && networkWord !== undefined) {
    const found = `invalid network mode ${quoted(networkWord.raw)}`;
    request.report(invalidFlagValue('RUN', found, networkWord.span));
  }
  const securityWord = flags.texts.get('security');
  const security = SECURITY_MODES.find((mode) => mode === (securityWord?.raw ?? 'sandbox'));
  if (security === undefined && securityWord !== undefined) {
    const found = `security ${quoted(securityWord.raw)} is not valid`;
    request.report(invalidFlagValue('RUN', found, securityWord.span));
  }
  for (const mount of mounts) {
    const problem = checkUnexpandedMount(mount.raw);
    if (problem !== undefined) request.report(invalidFlagValue('RUN', problem, mount.span));
  }
  for (const device of devices) {
    const parsed = parseRunDevice(device.raw);
    if (!parsed.ok) {
      request.report(invalidFlagValue('RUN', parsed.message, device.span, parsed.similar));
    }
  }
  return {
    kind: 'run',
    ...request.base,
    ...readRunCommand(request),
    mounts,
    network: network ?? 'default',
    security: security ?? 'sandbox',
    devices,
  };
}

/**
 * A heredoc as the only word is the script itself. With other words around it, the shell gets the
 * complete text and does the redirection.
 */
function readRunCommand(
  request: InstructionRequest,
): Pick<RunInstruction, 'command' | 'heredocs' | 'script'> {
  const { line, rest, heredocs } = request;
  const form = readForm(request, request.json, rest);
  const [first] = heredocs;
  if (form.form === 'exec' || first === undefined) {
    return { command: form, heredocs: [], script: undefined };
  }
  const docs = heredocs.map(toHeredoc);
  const header = line.text.slice(rest.start, rest.end);
  const only = parseHeredocWord(header);
  if (only !== undefined && !('error' in only)) {
    const [script] = docs;
    const command = script?.content ?? '';
    const isFile = command.startsWith('#!');
    return {
      command: { form: 'shell', command },
      heredocs: docs,
      script: isFile ? script : undefined,
    };
  }
  const bodies = heredocs.map((heredoc) => `\n${heredoc.body}${heredoc.name}`);
  const command = header + bodies.join('');
  return { command: { form: 'shell', command }, heredocs: docs, script: undefined };
}

/** The heredoc as the AST has it: leading tabs gone if `<<-` asked for it. */
function toHeredoc(heredoc: HeredocBody): Heredoc {
  const { body, ...rest } = heredoc;
  return { ...rest, content: rest.isChomped ? chompTabs(body) : body };
}

/** Exec form if the arguments are a JSON array of strings, else shell form with the text as it is. */
export function readForm(request: InstructionRequest, json: JsonForm, rest: Range): CommandForm {
  switch (json.kind) {
    case 'strings':
      return { form: 'exec', argv: json.values };
    case 'not-strings':
      request.report(jsonNotStrings(request.label, spanOf(request.line, rest)));
      return { form: 'exec', argv: [] };
    case 'none':
      return { form: 'shell', command: request.line.text.slice(rest.start, rest.end) };
  }
}
