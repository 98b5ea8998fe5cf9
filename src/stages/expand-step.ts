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
import { deviceUnsupported } from './errors.ts';
import { undefinedVariables, type Expander } from './expander.ts';
import type { FileSources } from './file-sources.ts';
import type {
  Assignment,
  PlannedStep,
  RunStep,
  StepAction,
  TransferStep,
  Variables,
} from './planned-step.ts';
import { planMount } from './run-mounts.ts';
import { argsAfter, declaredNames, variablesAfter, type StageState } from './stage-state.ts';

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

/** Expands one instruction with the variables before it, and says what they are after it. */
export function expandStep(
  { instruction, isOnbuild }: StageStep,
  before: StageState,
  scope: StepScope,
): { readonly step: PlannedStep; readonly after: StageState } {
  const { span } = instruction;
  const words = wordReader(before, span, scope);
  const action = expandAction(instruction, before, { ...scope, words });
  const step: PlannedStep = {
    ...action,
    span,
    isOnbuild,
    variables: before.variables,
    title: titleOf(instruction, action, before.variables, scope.expander),
  };
  return {
    step,
    after: { variables: variablesAfter(before, action), args: argsAfter(before, action) },
  };
}

/** Expands words of one instruction and reports what is not set. */
interface WordReader {
  text(word: Word): string;
  list(word: Word): readonly string[];
  body(content: string, span: Span): string;
  value(raw: string): Expansion | ExpansionFailure;
}

function wordReader(state: StageState, span: Span, scope: StepScope): WordReader {
  const { variables } = state;
  const declared = declaredNames(state);
  const reported = new Set<string>();
  const note = (unset: readonly string[]): void => {
    const fresh = unset.filter((name) => !reported.has(name));
    for (const name of fresh) reported.add(name);
    undefinedVariables(fresh, { variables, declared }, span).forEach(scope.report);
  };
  return {
    text(word) {
      const { text, unset } = scope.expander.word(word, variables);
      note(unset);
      return text;
    },
    list(word) {
      const { words, unset } = scope.expander.words(word, variables);
      note(unset);
      return words;
    },
    value(raw) {
      const expansion = scope.expander.value(raw, variables);
      if (expansion.ok) note(expansion.undefinedVariables);
      return expansion;
    },
    body(content, bodySpan) {
      const { text, unset } = scope.expander.body(content, bodySpan, variables);
      note(unset);
      return text;
    },
  };
}

type ActionScope = StepScope & { readonly words: WordReader };

function expandAction(
  instruction: StageInstruction,
  before: StageState,
  scope: ActionScope,
): StepAction {
  const { words } = scope;
  switch (instruction.kind) {
    case 'run':
      return expandRun(instruction, before, scope);
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
      return expandArg(instruction, before, scope);
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
      return { kind: 'workdir', path: words.text(instruction.path) };
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

function expandRun(
  instruction: RunInstruction,
  { variables, args }: StageState,
  scope: ActionScope,
): RunStep {
  const [device] = instruction.devices;
  if (device !== undefined) throw deviceUnsupported(device.raw, device.span);
  const { command, script, network, security } = instruction;
  return {
    kind: 'run',
    command,
    script: script && { name: script.name, content: script.content },
    mounts: instruction.mounts.map((mount) =>
      planMount(mount, (raw) => scope.words.value(raw), scope.sources),
    ),
    network,
    security,
    buildArgs: [...args].map(([name, value]) => [name, variables.get(name) ?? value ?? '']),
  };
}

function expandTransfer(
  instruction: CopyInstruction | AddInstruction,
  { words, sources }: ActionScope,
): TransferStep {
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
  };
}

/** One after the other: a default may use the ARG before it on the same line. */
function expandArg(
  instruction: ArgInstruction,
  before: StageState,
  scope: ActionScope,
): StepAction {
  const args: { name: string; value: string | undefined }[] = [];
  for (const { key, value } of instruction.args) {
    const given = scope.buildArgs.get(key.raw);
    const state: StageState = {
      variables: variablesAfter(before, { kind: 'arg', args }),
      args: argsAfter(before, { kind: 'arg', args }),
    };
    const expanded =
      given ??
      (value === undefined
        ? scope.globals.get(key.raw)
        : wordReader(state, instruction.span, scope).text(value));
    args.push({ name: key.raw, value: expanded });
  }
  return { kind: 'arg', args };
}

/** As BuildKit prints it: the keyword in capitals, variables filled in. */
function titleOf(
  instruction: StageInstruction,
  action: StepAction,
  variables: Variables,
  expander: Expander,
): string {
  const isCommand = instruction.kind === 'run';
  let text = instruction.original.trim();
  const [heredoc] = isCommand ? instruction.heredocs : [];
  if (isCommand && heredoc !== undefined && isWholeCommand(instruction)) {
    text += ` (${summary(heredoc.content)})`;
  }
  const shown = action.kind === 'run' ? withSecretsMasked(variables, action) : variables;
  const title = expander.title(text, shown, { isCommand });
  return title.replace(/^\S+/, (keyword) => keyword.toUpperCase());
}

/** `RUN <<EOF` with nothing else: the body is the command. */
function isWholeCommand({ command, heredocs, script }: RunInstruction): boolean {
  const [heredoc, ...others] = heredocs;
  if (heredoc === undefined || others.length > 0) return false;
  return script !== undefined || (command.form === 'shell' && command.command === heredoc.content);
}

function summary(content: string): string {
  const [first = '', ...rest] = content.trim().split(/\r?\n/);
  return rest.length > 0 ? `${first}...` : first;
}

/** Makes plain in the step's name that the value comes from a secret. */
function withSecretsMasked(variables: Variables, { mounts }: RunStep): Variables {
  const names = mounts.flatMap(({ type, env }) =>
    type === 'secret' && env !== undefined ? [env] : [],
  );
  if (names.length === 0) return variables;
  return new Map([...variables, ...names.map((name): [string, string] => [name, '****'])]);
}
