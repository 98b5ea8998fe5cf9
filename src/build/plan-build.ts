import { BuildError } from '../diagnostics/build-error.ts';
import type { SourceFile } from '../diagnostics/source.ts';
import { parseDockerfile } from '../dockerfile/parse-dockerfile.ts';
import type { Emit } from '../events/event.ts';
import { lowerStages } from '../ops/lower-stages.ts';
import type { OpGraph } from '../ops/op-graph.ts';
import { parseNamedContext } from '../stages/named-context.ts';
import type { NamedContext, PlanRequest } from '../stages/plan-request.ts';
import { planStages } from '../stages/plan-stages.ts';
import { hostPlatform } from '../core/platform.ts';
import { timeText } from '../core/time-text.ts';
import type { BaseImages } from './base-images.ts';
import type { BuildRequest } from './request.ts';
import { throwDiagnostics } from './throw-diagnostics.ts';

/** A graph to solve, and the time that its image is dated to when that is fixed. */
export interface PlannedBuild {
  readonly graph: OpGraph;
  /** Seconds since 1970. */
  readonly sourceDateEpoch: number | undefined;
}

/** Triggers of base images may name further images; no sane chain of them is this long. */
const MAX_PLAN_ROUNDS = 20;

/**
 * Text to graph: parses, plans with the base images that turn out to be needed, and lowers. Fetches
 * manifests and configs, no layers.
 * @throws BuildError, or AggregateError of them when the Dockerfile has several mistakes
 */
export async function planBuild(
  source: SourceFile,
  request: BuildRequest,
  bases: BaseImages,
  host: { readonly arch: string; readonly now: number; readonly emit: Emit },
  signal: AbortSignal,
): Promise<PlannedBuild> {
  const { ast, diagnostics } = parseDockerfile(source);
  throwDiagnostics(diagnostics, host.emit);
  const wishes = planRequest(request, host.arch);
  for (let round = 0; round < MAX_PLAN_ROUNDS; round++) {
    const plan = planStages(ast, wishes, bases.resolved);
    if (plan.missing.length === 0) {
      for (const diagnostic of plan.diagnostics) host.emit({ type: 'diagnostic', diagnostic });
      const graph = lowerStages(plan, bases.resolved, { now: timeText(host.now) });
      return { graph, sourceDateEpoch: plan.sourceDateEpoch };
    }
    await bases.resolve(plan.missing, signal);
  }
  throw new BuildError({
    code: 'TOO_MANY_TRIGGERS',
    class: 'input',
    message: `Cannot plan the build: triggers of base images name new images ${MAX_PLAN_ROUNDS} times in a row`,
    hint: 'Look at the ONBUILD instructions of the base images',
  });
}

/** The named contexts of a request, by name. @throws BuildError NAMED_CONTEXT_INVALID */
export function namedContextsOf(request: BuildRequest): ReadonlyMap<string, NamedContext> {
  return new Map(
    [...request.namedContexts].map(([name, value]) => [name, parseNamedContext(name, value)]),
  );
}

function planRequest(request: BuildRequest, arch: string): PlanRequest {
  return {
    target: request.target,
    buildArgs: request.buildArgs,
    targetPlatforms: request.platforms,
    buildPlatform: hostPlatform(arch),
    labels: request.labels,
    namedContexts: namedContextsOf(request),
    noCache: request.noCache,
    sourceDateEpoch: request.sourceDateEpoch,
    network: request.network,
    extraHosts: request.addHosts,
  };
}
