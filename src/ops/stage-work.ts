import type { BaseImage } from '../image/base-image.ts';
import type { FileStep, StepContext } from '../stages/planned-step.ts';
import type { BaseKey, FileSource, PlannedStage, PlannedTarget } from '../stages/stage-graph.ts';
import type { ImageDraft } from './image-draft.ts';
import { sourceOp } from './lower-source.ts';
import type { OpBuilder } from './op-builder.ts';
import type { OpId, OpMetadata } from './op.ts';
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
  readonly done: ReadonlyMap<number, StageWork>;
}

/** A stage as ops, and the image that it would be. Changed in place by one step after the other. */
export interface StageWork {
  readonly stage: PlannedStage;
  readonly draft: ImageDraft;
  /** Undefined while the file system is empty. */
  root: OpId | undefined;
  /** The op of the base image, also when it is the base of a stage below. */
  readonly base: OpId | undefined;
  /** One for each own history entry with files, stages below included. */
  readonly layers: OpId[];
  /** Ops of this stage's own steps. */
  readonly ops: OpId[];
  /** How many steps have a number so far. */
  numbered: number;
}

/** `comment` of history entries, as BuildKit's Dockerfile front end writes it. */
const COMMENT = 'buildkit.dockerfile.v0';
/** Of entries for files that no instruction made. */
const EXPORTER_COMMENT = 'buildkit.exporter.image.v0';

/** Adds the history entry of an instruction; `layer` is the op whose files it added, if any. */
export function addHistory(
  work: StageWork,
  createdBy: string,
  layer: OpId | undefined,
  { created }: Pick<StageScope, 'created'>,
): void {
  const entry = { created, created_by: createdBy, comment: COMMENT };
  work.draft.history.push(layer === undefined ? { ...entry, empty_layer: true } : entry);
  if (layer !== undefined) work.layers.push(layer);
}

/** Adds the entry of a base that has files and no history of its own. */
export function addBaseHistory(
  work: StageWork,
  createdBy: string,
  layer: OpId,
  { created }: Pick<StageScope, 'created'>,
): void {
  work.draft.history.push({ created, created_by: createdBy, comment: EXPORTER_COMMENT });
  work.layers.push(layer);
}

/** Takes the next number of the stage for a step, and says what people see of its ops. */
export function nameStep(
  step: StepContext & FileStep,
  work: StageWork,
  scope: Pick<StageScope, 'showsPlatform'>,
): OpMetadata {
  work.numbered++;
  return metadataOf(step, work, scope);
}

/** Like `nameStep`, for a further op of the same step. */
export function metadataOf(
  step: StepContext & FileStep,
  { stage, numbered }: StageWork,
  scope: Pick<StageScope, 'showsPlatform'>,
): OpMetadata {
  return {
    name: stepName(stage, { ...step, number: numbered }, scope),
    span: step.span,
    stage: stageText(stage),
    ignoresCache: stage.ignoresCache,
  };
}

/** Name of a stage, or its place as text. */
export function stageText({ name, index }: PlannedStage): string {
  return name ?? String(index);
}

/** The op that gives the files of `source`; undefined is scratch. */
export function filesOf(source: FileSource, scope: StageScope): OpId | undefined {
  switch (source.kind) {
    case 'scratch':
      return undefined;
    case 'stage':
      return stageAt(source.index, scope).root;
    case 'image':
      if (imageAt(source.key, scope).config.rootfs.diff_ids.length === 0) return undefined;
      return sourceOp(source, scope);
    case 'context':
    case 'named':
      return sourceOp(source, scope);
    default:
      return source satisfies never;
  }
}

/** Adds an op with one file in the root directory: the body of a heredoc. */
export function addDocument(
  builder: OpBuilder,
  file: { readonly path: string; readonly content: string; readonly mode: string },
): OpId {
  const { path, content, mode } = file;
  const mkfile = { action: 'mkfile', path, mode, data: content, owner: undefined } as const;
  return builder.add(
    { kind: 'file', base: undefined, actions: [mkfile] },
    internal('[internal] preparing inline document'),
  );
}

/** Adds the empty file system as something to copy from. */
export function addScratch(builder: OpBuilder): OpId {
  return builder.add(
    { kind: 'file', base: undefined, actions: [] },
    internal('[internal] scratch'),
  );
}

function internal(name: string): OpMetadata {
  return { name, span: undefined, stage: undefined, ignoresCache: false };
}

/** A stage above. */
export function stageAt(index: number, { done }: Pick<StageScope, 'done'>): StageWork {
  const stage = done.get(index);
  if (stage === undefined) throw new Error(`Stage ${index} was not lowered before it was used`);
  return stage;
}

/** A base image that planning made sure of. */
export function imageAt(key: BaseKey, { images }: Pick<StageScope, 'images'>): BaseImage {
  const image = images.get(key);
  if (image === undefined) throw new Error(`Base image "${key}" was not resolved`);
  return image;
}
