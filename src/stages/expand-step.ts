import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { Span } from '../diagnostics/source.ts';
import type {
  AddInstruction,
  ArgInstruction,
  CopyInstruction,
  KeyValue,
  RunInstruction,
  StageInstruction,
  Word,
} from '../dockerfile/ast.ts';
import type { Expansion, ExpansionFailure } from '../dockerfile/expand.ts';
import { parseRunDevice } from '../dockerfile/run-device.ts';
import { undefinedVariables, type Expander } from './expander.ts';
import type { FileSources } from './file-sources.ts';
import type {
  Assignment,
  PlannedMount,
  PlannedStep,
  RunStep,
  StepAction,
  TransferStep,
  Variables,
} from './planned-step.ts';
import { planMount } from './run-mounts.ts';
import type { StageVariables } from './stage-variables.ts';

/** What expansion of a stage's instructions needs besides the instructions. */
export interface StepScope {
  readonly expander: Expander;
  readonly sources: FileSources;
  readonly globals: Variables;
  readonly buildArgs: ReadonlyMap<string, string>;
  readonly report: (diagnostic: Diagnostic) => void;
}

/** An instruction of the stage, or one that a trigger of the base put before them. */
export interface StageStep {
  readonly instruction: StageInstruction;
  readonly isOnbuild: boolean;
}

/** Expands one instruction with the variables before it, and then sets those that it sets. */
export function expandStep(
  { instruction, isOnbuild }: StageStep,
  variables: StageVariables,
  scope: StepScope,
): PlannedStep {
  const { span } = instruction;
  const words = wordReader(variables, span, scope);
  const action = expandAction(instruction, { ...scope, variables, words });
  if (action.kind === 'env') {
    for (const [name, value] of action.assignments) variables.setEnv(name, value);
  }
  return { ...action, span, isOnbuild };
}

/** Expands words of one instruction and reports what is not set. */
interface WordReader {
  text(word: Word): string;
  list(word: Word): readonly string[];
  body(content: string, span: Span): string;
  value(raw: string): Expansion | ExpansionFailure;
}

function wordReader(variables: StageVariables, span: Span, scope: StepScope): WordReader {
  const reported = new Set<string>();
  const note = (unset: readonly string[]): void => {
    const fresh = unset.filter((name) => !reported.has(name) && !variables.isDeclared(name));
    for (const name of fresh) reported.add(name);
    undefinedVariables(fresh, variables.current, span).forEach(scope.report);
  };
  return {
    text(word) {
      const { text, unset } = scope.expander.word(word, variables.current);
      note(unset);
      return text;
    },
    // Of EXPOSE, where BuildKit does not look for variables that are not set.
    list: (word) => scope.expander.words(word, variables.current).words,
    value(raw) {
      const expansion = scope.expander.value(raw, variables.current);
      if (expansion.ok) note(expansion.undefinedVariables);
      return expansion;
    },
    body(content, bodySpan) {
      const { text, unset } = scope.expander.body(content, bodySpan, variables.current);
      note(unset);
      return text;
    },
  };
}

type ActionScope = StepScope & { readonly variables: StageVariables; readonly words: WordReader };

function expandAction(instruction: StageInstruction, scope: ActionScope): StepAction {
  const { words } = scope;
  switch (instruction.kind) {
    case 'run':
      return expandRun(instruction, scope);
    case 'copy':
    case 'add':
      return expandTransfer(instruction, scope);
    case 'env':
      return {
        kind: 'env',
        assignments: instruction.variables.map((pair) => assignment(pair, words)),
      };
    case 'label':
      return { kind: 'label', labels: instruction.labels.map((pair) => assignment(pair, words)) };
    case 'arg':
      return expandArg(instruction, scope);
    case 'expose': {
      // BuildKit sorts the words as written, before they are expanded.
      const ports = instruction.ports.toSorted((a, b) =>
        a.raw < b.raw ? -1 : a.raw > b.raw ? 1 : 0,
      );
      return { kind: 'expose', ports: ports.flatMap((word) => words.list(word)) };
    }
    case 'user':
      return { kind: 'user', user: words.text(instruction.user) };
    case 'workdir':
      return {
        kind: 'workdir',
        path: words.text(instruction.path),
        ...shown(instruction, scope),
      };
    case 'volume':
      return { kind: 'volume', paths: instruction.paths.map((word) => words.text(word)) };
    case 'stopsignal':
      return { kind: 'stopsignal', signal: words.text(instruction.signal) };
    case 'maintainer':
      return { kind: 'maintainer', name: instruction.name.raw };
    case 'onbuild':
      return { kind: 'onbuild', trigger: instruction.trigger.raw };
    case 'healthcheck':
      return { kind: 'healthcheck', check: instruction.check };
    case 'shell':
      return { kind: 'shell', argv: instruction.argv };
    case 'cmd':
      return { kind: 'cmd', command: instruction.command };
    case 'entrypoint':
      return { kind: 'entrypoint', command: instruction.command };
    default:
      return instruction satisfies never;
  }
}

function assignment({ key, value }: KeyValue, words: WordReader): Assignment {
  return [words.text(key), value === undefined ? '' : words.text(value)];
}

function expandRun(instruction: RunInstruction, scope: ActionScope): RunStep {
  const { command, script, network, security } = instruction;
  const mounts = instruction.mounts.map((mount) =>
    planMount(mount, (raw) => scope.words.value(raw), scope.sources),
  );
  return {
    kind: 'run',
    command,
    script: script && { name: script.name, content: script.content },
    mounts,
    network,
    security,
    devices: instruction.devices.flatMap(({ raw }) => {
      // Parsing has reported those that cannot be read.
      const result = parseRunDevice(raw);
      return result.ok ? [result.device] : [];
    }),
    buildArgs: scope.variables.buildArgs(),
    variables: scope.variables.snapshot(),
    title: runTitle(instruction, mounts, scope),
  };
}

function expandTransfer(
  instruction: CopyInstruction | AddInstruction,
  scope: ActionScope,
): TransferStep {
  const { words, sources } = scope;
  const optional = (word: Word | undefined): string => (word === undefined ? '' : words.text(word));
  const from = instruction.kind === 'copy' ? instruction.from : undefined;
  return {
    kind: instruction.kind,
    from: from === undefined || from.raw === '' ? { kind: 'context' } : sources.copyFrom(from),
    chown: optional(instruction.chown),
    chmod: optional(instruction.chmod),
    checksum: instruction.kind === 'add' ? optional(instruction.checksum) : '',
    sources: instruction.sources.map((word) => words.text(word)),
    destination: words.text(instruction.destination),
    files: instruction.heredocs.map(({ name, content, isExpanded, span }) => ({
      name,
      content: isExpanded ? words.body(content, span) : content,
    })),
    isLink: instruction.isLink,
    excludes: instruction.excludes.map(({ raw }) => raw),
    keepsParents: instruction.kind === 'copy' && instruction.keepsParents,
    keepsGitDir: instruction.kind === 'add' && instruction.keepsGitDir,
    unpack: instruction.kind === 'add' ? instruction.unpack : undefined,
    ...shown(instruction, scope),
  };
}

/** One after the other: a default may use the ARG before it on the same line. */
function expandArg(instruction: ArgInstruction, scope: ActionScope): StepAction {
  const { variables, words, buildArgs, globals } = scope;
  const args = instruction.args.map(({ key, value }) => {
    const name = key.raw;
    const given = buildArgs.get(name);
    const expanded = given ?? (value === undefined ? globals.get(name) : words.text(value));
    variables.declare(name, expanded);
    return { name, value: expanded };
  });
  return { kind: 'arg', args };
}

/** What steps that change files keep for their names and environment. */
function shown(
  { original }: StageInstruction,
  { variables, expander }: ActionScope,
): { readonly title: string; readonly variables: Variables } {
  const snapshot = variables.snapshot();
  const title = expander.title(original.trim(), snapshot, { isCommand: false });
  return { title: inCapitals(title), variables: snapshot };
}

/** As BuildKit prints it: a heredoc by its first line, secrets masked, variables filled in. */
function runTitle(
  instruction: RunInstruction,
  mounts: readonly PlannedMount[],
  { variables, expander }: ActionScope,
): string {
  const [heredoc] = instruction.heredocs;
  const summary =
    heredoc !== undefined && isWholeCommand(instruction) ? ` (${summarized(heredoc.content)})` : '';
  const known = withSecretsMasked(variables.snapshot(), mounts);
  const text = instruction.original.trim() + summary;
  return inCapitals(expander.title(text, known, { isCommand: true }));
}

function inCapitals(title: string): string {
  return title.replace(/^\S+/, (keyword) => keyword.toUpperCase());
}

/** `RUN <<EOF` with nothing else: the body is the command. */
function isWholeCommand({ command, heredocs, script }: RunInstruction): boolean {
  const [heredoc, ...others] = heredocs;
  if (heredoc === undefined || others.length > 0) return false;
  return script !== undefined || (command.form === 'shell' && command.command === heredoc.content);
}

function summarized(content: string): string {
  const [first = '', ...rest] = content.trim().split(/\r?\n/);
  return rest.length > 0 ? `${first}...` : first;
}

/** Makes plain in the step's name that the value comes from a secret. */
function withSecretsMasked(variables: Variables, mounts: readonly PlannedMount[]): Variables {
  const names = mounts.flatMap(({ type, env }) =>
    type === 'secret' && env !== undefined ? [env] : [],
  );
  if (names.length === 0) return variables;
  return new Map([...variables, ...names.map((name): [string, string] => [name, '****'])]);
}
