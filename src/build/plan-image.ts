import { join } from 'node:path';
import { formatPlatform } from '../core/platform.ts';
import { inputUses } from '../cache/input-parts.ts';
import type { MissReason } from '../events/event.ts';
import type { OpGraph, StageResult } from '../ops/op-graph.ts';
import { inputsOf, type Op, type OpId } from '../ops/op.ts';
import { stageTitle } from '../stages/stage-entry.ts';
import { openBuildInput } from './build-input.ts';
import { openBuildRemotes } from './build-remotes.ts';
import { createBaseImages } from './base-images.ts';
import type { BuildHost } from './build-image.ts';
import { openContexts } from './contexts.ts';
import { foreseeOps, type Forecast } from './foresee-ops.ts';
import { namedContextsOf, planBuild } from './plan-build.ts';
import { dockerfileId } from './read-dockerfile.ts';
import type { BuildRequest } from './request.ts';
import { createGraphSolver } from './solve-graph.ts';
import { opReads } from './op-reads.ts';

/** What a build would do. */
export interface ImagePlan {
  /** The stages that the targets need, in file order, for each platform. */
  readonly stages: readonly PlannedImageStage[];
  /** Names of the stages of the file that no target needs. */
  readonly unneeded: readonly string[];
}

/** A stage and what would become of its steps. */
export interface PlannedImageStage {
  /** Its name, or its place in the file. */
  readonly title: string;
  readonly baseName: string;
  readonly platform: string;
  readonly isTarget: boolean;
  readonly steps: readonly PlannedImageStep[];
}

/** One step that changes files. */
export interface PlannedImageStep {
  /** `[builder 2/5] RUN go build`. */
  readonly name: string;
  /** `package.json from the build context`, one for each thing that it reads besides its own stage. */
  readonly reads: readonly string[];
  readonly fate: StepFate;
}

/** What would become of a step. */
export type StepFate =
  | { readonly kind: 'cached' }
  | { readonly kind: 'runs'; readonly because: MissReason }
  /** It runs, as it stands on a step that runs. */
  | { readonly kind: 'follows'; readonly step: string }
  /** It reads files of steps that run first: cached when they turn out to be the same. */
  | { readonly kind: 'depends'; readonly steps: readonly string[] }
  /** Everything that reads its result is cached. */
  | { readonly kind: 'unneeded' };

/**
 * Works out what `buildImage` would do with the same request, and runs nothing. Base images are
 * resolved and files of build contexts are hashed.
 * @throws BuildError as buildImage does before the first step
 */
export async function planImage(
  request: BuildRequest,
  host: Omit<BuildHost, 'openSandbox' | 'findRunnable' | 'stdout' | 'devices'>,
  signal: AbortSignal,
): Promise<ImagePlan> {
  const { store, emit } = host;
  const startedAt = host.now();
  const elapsed = (): number => host.now() - startedAt;
  await using remotes = openBuildRemotes(request, host);
  await using input = await openBuildInput(request, host, remotes, signal);
  const { dockerfile, ignoreMatcher, contextTime } = input;
  const bases = createBaseImages(host.images, request.pull, emit, elapsed);
  const planHost = {
    ...host,
    now: startedAt,
    ignoreMatcher,
    contextTime,
    tmpDir: store.tmpDir,
    elapsed,
    remotes: () => remotes.get(),
  };
  const { ast, plan, graph } = await planBuild(dockerfile.source, request, bases, planHost, signal);
  const contexts = openContexts(
    input,
    namedContextsOf(request),
    join(store.root, 'contexts'),
    host.cwd,
    () => host.now(),
    emit,
  );
  const solver = createGraphSolver(graph, {
    store,
    contexts,
    emit: () => undefined,
    jobs: 1,
    dockerfileId: dockerfileId(dockerfile),
    buildId: undefined,
    now: () => host.now(),
    elapsed,
  });
  const forecasts = await foreseeOps(graph, solver, signal);
  contexts.save();

  const reached = new Set(plan.targets.flatMap(({ stages }) => stages.map(({ index }) => index)));
  return {
    stages: graph.stages.map((stage) => plannedStage(graph, stage, forecasts)),
    unneeded: ast.stages
      .filter(({ index }) => !reached.has(index))
      .map(({ index, from }) => stageTitle({ name: from.name?.text, index })),
  };
}

function plannedStage(
  graph: OpGraph,
  stage: StageResult,
  forecasts: readonly Forecast[],
): PlannedImageStage {
  const roots = graph.targets.map(({ root }) => root);
  return {
    title: stageTitle(stage),
    baseName: stage.baseName,
    platform: formatPlatform(stage.platform),
    isTarget: stage.root !== undefined && roots.includes(stage.root),
    steps: stage.ops.map((id) => ({
      name: nameOf(graph, id),
      reads: readsOf(graph, id),
      fate: fateOf(graph, forecasts, id),
    })),
  };
}

function fateOf(graph: OpGraph, forecasts: readonly Forecast[], id: OpId): StepFate {
  const forecast = forecasts[id];
  const op = graph.ops[id];
  if (forecast === undefined || op === undefined) throw new RangeError(`No op ${String(id)}`);
  if (!forecast.isNeeded)
    return forecast.kind === 'cached' ? { kind: 'cached' } : { kind: 'unneeded' };
  if (forecast.kind === 'cached') return { kind: 'cached' };
  if (forecast.kind === 'unknown') {
    return { kind: 'depends', steps: forecast.waitsFor.map((other) => nameOf(graph, other)) };
  }
  const below = stepBelow(graph, op, forecasts);
  return below === undefined
    ? { kind: 'runs', because: forecast.because }
    : { kind: 'follows', step: nameOf(graph, below) };
}

/** The step that an op stands on, when that one runs. Base images are no steps. */
function stepBelow(graph: OpGraph, op: Op, forecasts: readonly Forecast[]): OpId | undefined {
  return inputUses(op).find(
    ({ kind, from }) =>
      kind === 'whole' && forecasts[from]?.kind === 'runs' && graph.ops[from]?.kind !== 'source',
  )?.from;
}

function readsOf(graph: OpGraph, id: OpId): readonly string[] {
  const op = graph.ops[id];
  return op === undefined || inputsOf(op).length === 0 ? [] : opReads(graph, op);
}

function nameOf(graph: OpGraph, id: OpId): string {
  return graph.metadata[id]?.name ?? `op ${String(id)}`;
}
