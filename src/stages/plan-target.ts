import type { Platform } from '../core/platform.ts';
import { nearest } from '../core/suggest.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { DockerfileAst, StageInstruction } from '../dockerfile/ast.ts';
import { otherBaseImagePlatform } from '../dockerfile/lint/invalid-base-image-platform.ts';
import type { BaseImage } from '../image/base-image.ts';
import { expandStep } from './expand-step.ts';
import type { Expander } from './expander.ts';
import { fileSources, type FileSources } from './file-sources.ts';
import type { NamedContexts } from './named-context.ts';
import { imageVariables } from './base-variables.ts';
import { readTriggers } from './onbuild.ts';
import type { PlanRequest } from './plan-request.ts';
import type { PlannedStep, Variables } from './planned-step.ts';
import { plannedStage, type OpenStage } from './planned-stage.ts';
import { readStages, stageNames, targetStage, type StageEntry } from './stage-entry.ts';
import type {
  BaseKey,
  BaseRequest,
  PlannedStage,
  PlannedTarget,
  StageBase,
} from './stage-graph.ts';
import {
  needsOf,
  refuseCycles,
  refuseLaterStages,
  staticNeeds,
  type StageNeed,
} from './stage-needs.ts';
import { StageVariables } from './stage-variables.ts';

/** What one target platform is planned from. */
export interface TargetScope {
  readonly request: PlanRequest;
  readonly platform: Platform;
  readonly globals: Variables;
  readonly contexts: NamedContexts;
  readonly images: ReadonlyMap<BaseKey, BaseImage>;
  readonly expander: Expander;
  readonly report: (diagnostic: Diagnostic) => void;
  /** Told of every image that is needed and not in `images`. */
  readonly miss: (wanted: BaseRequest) => void;
}

/** Plans the stages that the target needs on one platform, in file order. */
export function planTarget(
  ast: DockerfileAst,
  scope: TargetScope,
): Pick<PlannedTarget, 'stages' | 'target'> {
  const { contexts, platform, globals, expander, report, request } = scope;
  const entries = readStages(ast, {
    globals,
    contexts,
    targetPlatform: platform,
    buildPlatform: request.buildPlatform,
    expander,
    report,
  });
  const sources = fileSources(entries, { contexts, targetPlatform: platform });
  const needs = new Map(entries.map((entry) => [entry, staticNeeds(entry, sources)] as const));
  refuseCycles(entries, needs);
  const target = targetStage(entries, request.target);
  const open = reachableStages(target, entries, sources, scope);
  reportMissing(open, entries, scope);

  const stages: PlannedStage[] = [];
  const states = new Map<number, StartingState>();
  for (const entry of entries) {
    const stage = open.get(entry.index);
    const start = stage && startingState(stage, states, scope);
    if (stage === undefined || start === undefined) continue;
    const steps = expandSteps(stage, start.variables, { sources, scope });
    states.set(entry.index, start);
    stages.push(plannedStage(stage, { steps, platform: start.platform, ast, request }));
  }
  return { stages, target: target.index };
}

/** From the target down. Triggers count as soon as the base that has them is known. */
function reachableStages(
  target: StageEntry,
  entries: readonly StageEntry[],
  sources: FileSources,
  scope: TargetScope,
): Map<number, OpenStage> {
  const found = new Map<number, OpenStage>();
  const waiting = [target];
  for (let entry = waiting.pop(); entry !== undefined; entry = waiting.pop()) {
    if (found.has(entry.index)) continue;
    const stage = openStage(entry, entries, sources, scope);
    found.set(entry.index, stage);
    for (const { source } of stage.needs) {
      const next = source.kind === 'stage' ? entries[source.index] : undefined;
      if (next !== undefined) waiting.push(next);
    }
  }
  return found;
}

function openStage(
  entry: StageEntry,
  entries: readonly StageEntry[],
  sources: FileSources,
  scope: TargetScope,
): OpenStage {
  const base = sources.base(entry);
  const triggers = entry.override === undefined ? triggersOf(base, entry, entries, scope) : [];
  const own = entry.override === undefined ? entry.node.instructions : [];
  const steps = [
    ...triggers.map((instruction) => ({ instruction, isOnbuild: true })),
    ...own.map((instruction) => ({ instruction, isOnbuild: false })),
  ];
  const instructions = steps.map(({ instruction }) => instruction);
  const from: StageNeed = { source: base, span: entry.node.from.image.span, why: 'base' };
  const needs = [from, ...needsOf(instructions, sources)];
  refuseLaterStages(entry, needs, entries);
  return { entry, base, steps, needs };
}

function triggersOf(
  base: StageBase,
  entry: StageEntry,
  entries: readonly StageEntry[],
  scope: TargetScope,
): StageInstruction[] {
  const about = { name: entry.baseName, from: entry.node.from.span };
  if (base.kind === 'image') {
    return readTriggers(scope.images.get(base.key)?.config.config.OnBuild ?? [], about);
  }
  if (base.kind !== 'stage') return [];
  const instructions = entries[base.index]?.node.instructions ?? [];
  const texts = instructions.flatMap((i) => (i.kind === 'onbuild' ? [i.trigger.raw] : []));
  return readTriggers(texts, about);
}

function reportMissing(
  stages: ReadonlyMap<number, OpenStage>,
  entries: readonly StageEntry[],
  scope: TargetScope,
): void {
  const names = stageNames(entries);
  const needs = entries.flatMap(({ index }) => stages.get(index)?.needs ?? []);
  for (const { source, span, why } of needs) {
    if (source.kind !== 'image' || scope.images.has(source.key)) continue;
    const { key, reference, layout, platform } = source;
    const written = span.file.text.slice(span.start, span.end);
    scope.miss({ key, reference, layout, platform, span, why, similar: nearest(written, names) });
  }
}

/** What the instructions of a stage begin with, and change. */
interface StartingState {
  readonly variables: StageVariables;
  readonly platform: Platform;
}

/** Undefined while an image that it stands on is not known. */
function startingState(
  { entry, base, needs }: OpenStage,
  states: ReadonlyMap<number, StartingState>,
  scope: TargetScope,
): StartingState | undefined {
  const isKnown = needs.every(({ source }) =>
    source.kind === 'image'
      ? scope.images.has(source.key)
      : source.kind !== 'stage' || states.has(source.index),
  );
  if (!isKnown) return undefined;
  if (base.kind === 'stage') {
    const below = states.get(base.index);
    return below && { ...below, variables: below.variables.inherit() };
  }
  const image = base.kind === 'image' ? scope.images.get(base.key) : undefined;
  const platform = base.kind === 'scratch' ? scope.platform : (entry.platform ?? scope.platform);
  if (image !== undefined) warnOtherPlatform(entry, platform, image, scope);
  return { variables: new StageVariables(imageVariables(image)), platform };
}

/** A registry may hand out an image of another platform when it has only that one. Variants may differ. */
function warnOtherPlatform(
  entry: StageEntry,
  expected: Platform,
  { config }: BaseImage,
  scope: TargetScope,
): void {
  const { os, architecture, variant } = config;
  const isSame = os === expected.os && architecture === expected.architecture;
  if (architecture === '' || isSame) return;
  const actual = { os, architecture, variant };
  const { span } = entry.node.from.image;
  scope.report(otherBaseImagePlatform(entry.baseName, { actual, expected }, span));
}

function expandSteps(
  { steps, entry }: OpenStage,
  variables: StageVariables,
  { sources, scope }: { readonly sources: FileSources; readonly scope: TargetScope },
): readonly PlannedStep[] {
  const { expander, globals, report, request } = scope;
  const stepScope = { expander, sources, globals, buildArgs: request.buildArgs, report };
  // The text of a trigger stands in no file of the user.
  const { span } = entry.node.from;
  const reportAtFrom = (found: Diagnostic): void => report({ ...found, span });
  const triggerScope = { ...stepScope, report: reportAtFrom };
  return steps.map((step) =>
    expandStep(step, variables, step.isOnbuild ? triggerScope : stepScope),
  );
}
