import type { PlannedStep, WorkdirStep } from '../stages/planned-step.ts';
import { baseTitle, type PlannedStage, type StageBase } from '../stages/stage-graph.ts';
import { copyAction } from './copy-action.ts';
import { applySetting } from './apply-settings.ts';
import { draftFrom, emptyDraft, inheritDraft, type ImageDraft } from './image-draft.ts';
import { cleanPath } from './image-path.ts';
import { lowerCopy } from './lower-copy.ts';
import { lowerRun } from './lower-run.ts';
import { sourceOp } from './lower-source.ts';
import { ownerOf } from './lower-transfer.ts';
import type { CopyAction, OpId } from './op.ts';
import {
  addBaseHistory,
  addHistory,
  imageAt,
  nameStep,
  stageAt,
  stageText,
  type StageScope,
  type StageWork,
} from './stage-work.ts';
import { stepName } from './step-name.ts';

/** Lowers one stage. The stages it uses are in `scope.done`. */
export function lowerStage(stage: PlannedStage, scope: StageScope): StageWork {
  const work = startStage(stage, scope);
  for (const step of stage.steps) lowerStep(step, work, scope);
  return work;
}

function startStage(stage: PlannedStage, scope: StageScope): StageWork {
  const { base } = stage;
  switch (base.kind) {
    case 'scratch':
      return emptyWork(stage, emptyDraft(scope.target.platform));
    case 'stage': {
      const below = stageAt(base.index, scope);
      const { root, layers } = below;
      const draft = inheritDraft(below.draft);
      return { ...emptyWork(stage, draft, below.base), root, layers: [...layers] };
    }
    case 'named':
      return startOnFiles(stage, base, scope);
    case 'image': {
      const image = imageAt(base.key, scope);
      const draft = draftFrom(image.config);
      if (image.config.rootfs.diff_ids.length === 0) return emptyWork(stage, draft);
      const reference = baseTitle(base);
      const title = reference.includes('@')
        ? `FROM ${reference}`
        : `FROM ${reference}@${image.manifestDigest}`;
      const step = { number: 1, title, isOnbuild: false, variables: new Map<string, string>() };
      const name = stepName(stage, step, scope);
      const root = sourceOp(base, scope, { name, span: stage.from.span, stage: stageText(stage) });
      return { ...emptyWork(stage, draft, root), root, numbered: 1 };
    }
    default:
      return base satisfies never;
  }
}

/**
 * A stage on a context that is no image: its files are copied once, so that the stage has a file
 * system of its own and the image a layer.
 */
function startOnFiles(
  stage: PlannedStage,
  base: StageBase & { readonly kind: 'named' },
  scope: StageScope,
): StageWork {
  const title = `[context ${base.name}] load from client`;
  const metadata = {
    name: title,
    span: stage.from.span,
    stage: stageText(stage),
    ignoresCache: false,
  };
  const actions = [copyOfAll(sourceOp(base, scope))];
  const root = scope.builder.add({ kind: 'file', base: undefined, actions }, metadata);
  const work = { ...emptyWork(stage, emptyDraft(stage.platform)), root };
  addBaseHistory(work, title, root, scope);
  return work;
}

function copyOfAll(from: OpId): CopyAction {
  return copyAction(from, '/', '/', { copiesDirContents: true });
}

function emptyWork(stage: PlannedStage, draft: ImageDraft, base?: OpId): StageWork {
  return { stage, draft, root: undefined, base, layers: [], ops: [], numbered: 0 };
}

function lowerStep(step: PlannedStep, work: StageWork, scope: StageScope): void {
  switch (step.kind) {
    case 'run':
      lowerRun(step, work, scope);
      return;
    case 'copy':
    case 'add':
      lowerCopy(step, work, scope);
      return;
    case 'workdir':
      lowerWorkdir(step, work, scope);
      return;
    default: {
      const createdBy = applySetting(step, work.draft);
      if (createdBy !== undefined) addHistory(work, createdBy, undefined, scope);
    }
  }
}

/**
 * Makes the directory, owned by USER. There is always a `/`, so that one needs no layer; another way to
 * write it (`/tmp/..`) gets one all the same, as in BuildKit.
 */
function lowerWorkdir(step: PlannedStep & WorkdirStep, work: StageWork, scope: StageScope): void {
  const createdBy = applySetting(step, work.draft) ?? '';
  const path = cleanPath(work.draft.workdir);
  if (work.draft.workdir === '/') {
    addHistory(work, createdBy, undefined, scope);
    return;
  }
  const owner = ownerOf(work.draft.user);
  const mkdir = { action: 'mkdir', path, mode: 0o755, makesParents: true, owner } as const;
  const metadata = { ...nameStep(step, work, scope), ignoresCache: false };
  const op = scope.builder.add({ kind: 'file', base: work.root, actions: [mkdir] }, metadata);
  work.root = op;
  work.ops.push(op);
  addHistory(work, createdBy, op, scope);
}
