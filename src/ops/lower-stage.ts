import type { BaseImage } from '../image/base-image.ts';
import type { HistoryEntry } from '../image/config.ts';
import type { PlannedStep, RunStep, TransferStep } from '../stages/planned-step.ts';
import {
  baseTitle,
  type BaseKey,
  type FileSource,
  type PlannedStage,
  type PlannedTarget,
} from '../stages/stage-graph.ts';
import { applySetting, commandLine } from './apply-settings.ts';
import { draftFrom, emptyDraft, inheritDraft, type ImageDraft } from './image-draft.ts';
import { cleanPath } from './image-path.ts';
import { lowerMounts } from './lower-mounts.ts';
import { sourceOp } from './lower-source.ts';
import { lowerTransfer, ownerOf } from './lower-transfer.ts';
import type { OpBuilder } from './op-builder.ts';
import type { ExecOp, Mount, Op, OpId, OpMetadata } from './op.ts';
import { stepName } from './step-name.ts';

/** What the stages of one target share while they are lowered. */
export interface StageScope {
  readonly builder: OpBuilder;
  readonly images: ReadonlyMap<BaseKey, BaseImage>;
  readonly target: PlannedTarget;
  readonly showsPlatform: boolean;
  readonly sourceDateEpoch: number | undefined;
  /** RFC 3339, for history entries. */
  readonly created: string;
  /** Stages above, by index. */
  readonly done: ReadonlyMap<number, LoweredStage>;
}

/** A stage as ops, and the image that it would be. */
export interface LoweredStage {
  readonly stage: PlannedStage;
  readonly draft: ImageDraft;
  /** Undefined while the file system is empty. */
  readonly root: OpId | undefined;
  /** The op of the base image, also when it is the base of a stage below. */
  readonly base: OpId | undefined;
  /** One for each own history entry with files, stages below included. */
  readonly layers: readonly OpId[];
  /** Ops of this stage's own steps. */
  readonly ops: readonly OpId[];
  /** How many steps have a number so far. */
  readonly numbered: number;
}

/** `Comment` of history entries, as BuildKit's Dockerfile front end writes it. */
const COMMENT = 'buildkit.dockerfile.v0';
/** Of entries for files that no instruction made. */
const EXPORTER_COMMENT = 'buildkit.exporter.image.v0';

/** Lowers one stage. The stages it uses are in `scope.done`. */
export function lowerStage(stage: PlannedStage, scope: StageScope): LoweredStage {
  return stage.steps.reduce(
    (state, step) => lowerStep(step, state, scope),
    startStage(stage, scope),
  );
}

function startStage(stage: PlannedStage, scope: StageScope): LoweredStage {
  const { base } = stage;
  const nothing = { stage, root: undefined, base: undefined, layers: [], ops: [], numbered: 0 };
  switch (base.kind) {
    case 'scratch':
      return { ...nothing, draft: emptyDraft(scope.target.platform) };
    case 'stage': {
      const below = lowered(base.index, scope);
      return { ...below, stage, draft: inheritDraft(below.draft), ops: [], numbered: 0 };
    }
    case 'named': {
      const source = sourceOp(base, scope);
      const draft = emptyDraft(stage.platform);
      const createdBy = `[context ${base.name}] load from client`;
      const history = [historyEntry(createdBy, EXPORTER_COMMENT, scope)];
      return { ...nothing, root: source, layers: [source], draft: { ...draft, history } };
    }
    case 'image': {
      const image = resolved(base.key, scope);
      const draft = draftFrom(image.config);
      if (image.config.rootfs.diff_ids.length === 0) return { ...nothing, draft };
      const title = `FROM ${fullReference(baseTitle(base), image)}`;
      const step = { number: 1, title, isOnbuild: false, variables: new Map<string, string>() };
      const name = stepName(stage, step, scope);
      const root = sourceOp(base, scope, { name, span: stage.from.span, stage: stageText(stage) });
      return { ...nothing, draft, root, base: root, numbered: 1 };
    }
    default:
      return base satisfies never;
  }
}

function lowerStep(step: PlannedStep, state: LoweredStage, scope: StageScope): LoweredStage {
  switch (step.kind) {
    case 'run':
      return lowerRun({ ...step, kind: 'run' }, step, state, scope);
    case 'copy':
    case 'add':
      return lowerCopy(step, step, state, scope);
    default:
      break;
  }
  const { draft, createdBy } = applySetting(step, state.draft);
  const after: LoweredStage = { ...state, draft };
  if (createdBy === undefined) return after;
  const path = cleanPath(draft.config.WorkingDir ?? '');
  if (step.kind !== 'workdir' || path === '/') {
    return withHistory(after, createdBy, undefined, scope);
  }
  const owner = ownerOf(draft.config.User ?? '');
  const mkdir = { action: 'mkdir', path, mode: 0o755, makesParents: true, owner } as const;
  const op: Op = { kind: 'file', base: state.root, actions: [mkdir] };
  const named = nameStep(step, after, scope);
  const root = scope.builder.add(op, { ...named.metadata, ignoresCache: false });
  const next = { ...named.state, root, ops: [...after.ops, root] };
  return withHistory(next, createdBy, root, scope);
}

function lowerRun(
  run: RunStep,
  step: PlannedStep,
  state: LoweredStage,
  scope: StageScope,
): LoweredStage {
  const { draft, stage } = state;
  const { target, builder } = scope;
  const cwd = cleanPath(draft.config.WorkingDir ?? '');
  const script = run.script;
  const command = script === undefined ? run.command : scriptCommand(script.name);
  const args = commandLine(command, draft);
  const mounts: Mount[] = [
    ...(script === undefined ? [] : [scriptMount(script, scope)]),
    ...lowerMounts(run, {
      cwd,
      files: (source) => filesOf(source, scope),
      cacheMountNamespace: target.run.cacheMountNamespace,
    }),
    ...sharedMemory(target.run.shmBytes),
  ];
  const op: ExecOp = {
    kind: 'exec',
    root: state.root,
    args,
    env: environment(step, scope.sourceDateEpoch),
    proxyEnv: target.proxyEnv,
    cwd,
    user: draft.config.User ?? '',
    mounts,
    network: run.network === 'default' ? target.run.network : run.network,
    security: run.security,
    platform: stage.platform,
    ...(target.run.extraHosts.length === 0 ? {} : { extraHosts: target.run.extraHosts }),
  };
  const named = nameStep(step, state, scope);
  const root = builder.add(op, named.metadata);
  const shownArgs = run.buildArgs.map(([name, value]) => `${name}=${value}`);
  const count = shownArgs.length === 0 ? [] : [`|${shownArgs.length}`];
  const createdBy = ['RUN', ...count, ...shownArgs, ...args, '# buildkit'].join(' ');
  return withHistory({ ...named.state, root, ops: [...state.ops, root] }, createdBy, root, scope);
}

/** As BuildKit: the script is a file on a read-only mount, and the shell starts it. */
function scriptCommand(name: string): RunStep['command'] {
  return { form: 'shell', command: cleanPath(`/dev/pipes/${name}`) };
}

function scriptMount(
  script: { readonly name: string; readonly content: string },
  { builder }: StageScope,
): Mount {
  const from = addDocument(builder, script, '0755');
  return { type: 'bind', from, source: '/', target: '/dev/pipes', isReadonly: true };
}

function sharedMemory(bytes: number | undefined): Mount[] {
  return bytes === undefined ? [] : [{ type: 'tmpfs', target: '/dev/shm', sizeBytes: bytes }];
}

function environment({ variables }: PlannedStep, epoch: number | undefined): string[] {
  const env = [...variables].map(([name, value]) => `${name}=${value}`);
  if (epoch !== undefined && !variables.has('SOURCE_DATE_EPOCH')) {
    env.push(`SOURCE_DATE_EPOCH=${epoch}`);
  }
  return env;
}

function lowerCopy(
  transfer: TransferStep,
  step: PlannedStep,
  state: LoweredStage,
  scope: StageScope,
): LoweredStage {
  const { builder } = scope;
  const named = nameStep(step, state, scope);
  const remoteMetadata = { ...named.metadata, ignoresCache: false };
  const actions = lowerTransfer(transfer, {
    span: step.span,
    cwd: cleanPath(state.draft.config.WorkingDir ?? ''),
    from: () => filesOf(transfer.from, scope) ?? addScratch(builder),
    remote: (source) =>
      builder.add({ kind: 'source', source, platform: undefined }, remoteMetadata),
    document: (file) => addDocument(builder, file, '0644'),
  });
  const createdBy = transferText(transfer);
  // With --chmod BuildKit copies in the ordinary way.
  const isLinked = transfer.isLink && transfer.chmod === '';
  if (!isLinked || state.root === undefined) {
    const base = isLinked ? undefined : state.root;
    const root = builder.add({ kind: 'file', base, actions }, named.metadata);
    return withHistory({ ...named.state, root, ops: [...state.ops, root] }, createdBy, root, scope);
  }
  const layer = builder.add({ kind: 'file', base: undefined, actions }, named.metadata);
  const link = { ...step, title: `LINK ${step.title}` };
  const root = builder.add(
    { kind: 'merge', inputs: [state.root, layer] },
    nameStep(link, state, scope).metadata,
  );
  return withHistory(
    { ...named.state, root, ops: [...state.ops, layer, root] },
    createdBy,
    layer,
    scope,
  );
}

function transferText(step: TransferStep): string {
  return [
    step.kind.toUpperCase(),
    ...(step.keepsParents ? ['--parents'] : []),
    ...(step.chown === '' ? [] : [`--chown=${step.chown}`]),
    ...(step.chmod === '' ? [] : [`--chmod=${step.chmod}`]),
    ...step.sources,
    ...step.files.map(({ name }) => `<<${name}`),
    step.destination,
    '# buildkit',
  ].join(' ');
}

/** The op that gives the files of `source`; undefined is scratch. */
function filesOf(source: FileSource, scope: StageScope): OpId | undefined {
  switch (source.kind) {
    case 'scratch':
      return undefined;
    case 'stage':
      return lowered(source.index, scope).root;
    case 'image':
      if (resolved(source.key, scope).config.rootfs.diff_ids.length === 0) return undefined;
      return sourceOp(source, scope);
    case 'context':
    case 'named':
      return sourceOp(source, scope);
    default:
      return source satisfies never;
  }
}

function addScratch(builder: OpBuilder): OpId {
  return builder.add(
    { kind: 'file', base: undefined, actions: [] },
    internal('[internal] scratch'),
  );
}

function addDocument(
  builder: OpBuilder,
  { name, content }: { readonly name: string; readonly content: string },
  mode: string,
): OpId {
  const path = cleanPath(name);
  const mkfile = { action: 'mkfile', path, mode, data: content, owner: undefined } as const;
  const op: Op = { kind: 'file', base: undefined, actions: [mkfile] };
  return builder.add(op, internal('[internal] preparing inline document'));
}

function internal(name: string): OpMetadata {
  return { name, span: undefined, stage: undefined, ignoresCache: false };
}

function nameStep(
  step: PlannedStep,
  state: LoweredStage,
  scope: StageScope,
): { readonly state: LoweredStage; readonly metadata: OpMetadata } {
  const { stage } = state;
  const number = state.numbered + 1;
  const name = stepName(stage, { ...step, number }, scope);
  return {
    state: { ...state, numbered: number },
    metadata: {
      name,
      span: step.span,
      stage: stageText(stage),
      ignoresCache: stage.ignoresCache,
    },
  };
}

function stageText({ name, index }: PlannedStage): string {
  return name ?? String(index);
}

function withHistory(
  state: LoweredStage,
  createdBy: string,
  layer: OpId | undefined,
  scope: StageScope,
): LoweredStage {
  const entry = historyEntry(createdBy, COMMENT, scope, layer === undefined);
  return {
    ...state,
    draft: { ...state.draft, history: [...state.draft.history, entry] },
    layers: layer === undefined ? state.layers : [...state.layers, layer],
  };
}

function historyEntry(
  createdBy: string,
  comment: string,
  { created }: StageScope,
  isEmpty = false,
): HistoryEntry {
  return { created, created_by: createdBy, comment, ...(isEmpty ? { empty_layer: true } : {}) };
}

function fullReference(reference: string, { manifestDigest }: BaseImage): string {
  return reference.includes('@') ? reference : `${reference}@${manifestDigest}`;
}

function lowered(index: number, { done }: StageScope): LoweredStage {
  const stage = done.get(index);
  if (stage === undefined) throw new Error(`Stage ${index} was not lowered before it was used`);
  return stage;
}

function resolved(key: BaseKey, { images }: StageScope): BaseImage {
  const image = images.get(key);
  if (image === undefined) throw new Error(`Base image "${key}" was not resolved`);
  return image;
}
