import { normalizePlatform, type Platform } from '../core/platform.ts';
import type { BaseImage } from '../image/base-image.ts';
import {
  baseTitle,
  type BaseKey,
  type PlannedTarget,
  type StageGraph,
} from '../stages/stage-graph.ts';
import { imageConfigOf, type ImageDraft } from './image-draft.ts';
import { lowerStage } from './lower-stage.ts';
import type { StageWork } from './stage-work.ts';
import { createOpBuilder, type OpBuilder } from './op-builder.ts';
import type { OpGraph, StageResult, TargetImage } from './op-graph.ts';

/** What the result depends on besides the plan. */
export interface LowerOptions {
  /** RFC 3339: `created` of the images and of their new history entries, unless the plan has an epoch. */
  readonly now: string;
}

/**
 * Turns planned stages into ops: from what the user wrote to what is to be done.
 *
 * In: a plan that lacks no image, and the images. Out: ops in build order, equal ones merged across
 * stages and platforms; for each platform the image config and history that the target ends with,
 * word for word as BuildKit writes them. Pure and the same for the same input.
 * @throws BuildError for instructions that ask for what cannot be (ops/errors.ts).
 */
export function lowerStages(
  plan: StageGraph,
  images: ReadonlyMap<BaseKey, BaseImage>,
  { now }: LowerOptions,
): OpGraph {
  const [first] = plan.missing;
  if (first !== undefined) throw new Error(`Image "${first.reference}" was not resolved`);
  const builder = createOpBuilder();
  const created = plan.sourceDateEpoch === undefined ? now : epochText(plan.sourceDateEpoch);
  const targets: TargetImage[] = [];
  const stages: StageResult[] = [];
  for (const target of plan.targets) {
    const done = lowerTarget(target, { plan, images, builder, created });
    stages.push(...[...done.values()].map(stageResult));
    const last = done.get(target.target);
    if (last === undefined) throw new Error(`Target stage ${target.target} was not planned`);
    targets.push(targetImage(last, target, created));
  }
  return { ...builder.finish(), targets, stages };
}

function lowerTarget(
  target: PlannedTarget,
  shared: {
    readonly plan: StageGraph;
    readonly images: ReadonlyMap<BaseKey, BaseImage>;
    readonly builder: OpBuilder;
    readonly created: string;
  },
): ReadonlyMap<number, StageWork> {
  const { plan, images, builder, created } = shared;
  const done = new Map<number, StageWork>();
  const scope = {
    builder,
    images,
    target,
    showsPlatform: plan.targets.length > 1,
    sourceDateEpoch: plan.sourceDateEpoch,
    created,
    done,
  };
  for (const stage of target.stages) done.set(stage.index, lowerStage(stage, scope));
  return done;
}

function targetImage(
  { draft: stageDraft, root, base, layers }: StageWork,
  target: PlannedTarget,
  created: string,
): TargetImage {
  const draft = { ...stageDraft, labels: new Map([...stageDraft.labels, ...target.labels]) };
  const platform = imagePlatform(draft, target);
  const config = imageConfigOf(draft, platform, created);
  return { platform, root, config, layers, baseHistory: draft.baseHistory, base };
}

/** An asked-for platform goes before what the base says of itself. */
function imagePlatform({ platform: own }: ImageDraft, target: PlannedTarget): Platform {
  if (target.isPlatformImplicit) return normalizePlatform(own);
  const wanted = target.platform;
  const isSame = wanted.os === own.os && wanted.architecture === own.architecture;
  return normalizePlatform({
    os: wanted.os,
    architecture: wanted.architecture,
    variant: wanted.variant ?? (isSame ? own.variant : undefined),
    osVersion: wanted.osVersion ?? (isSame ? own.osVersion : undefined),
  });
}

function stageResult({ stage, root, ops }: StageWork): StageResult {
  const { index, name, platform } = stage;
  return { index, name, platform, baseName: baseTitle(stage.base), root, ops };
}

/** Seconds since 1970 as Go writes a time without fraction: `2024-01-02T03:04:05Z`. */
function epochText(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');
}
