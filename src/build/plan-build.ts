import type { SourceFile } from '../diagnostics/source.ts';
import type { DockerfileAst } from '../dockerfile/ast.ts';
import { parseDockerfile } from '../dockerfile/parse-dockerfile.ts';
import type { PatternMatcher } from '../dockerfile/pattern-matcher.ts';
import { lowerStages } from '../ops/lower-stages.ts';
import type { OpGraph } from '../ops/op-graph.ts';
import { parseNamedContext } from '../stages/named-context.ts';
import type { NamedContext, PlanRequest } from '../stages/plan-request.ts';
import { SOURCE_DATE_EPOCH } from '../stages/source-date-epoch.ts';
import type { StageGraph } from '../stages/stage-graph.ts';
import { hostPlatform } from '../core/platform.ts';
import { timeText } from '../core/time-text.ts';
import type { BaseImages } from './base-images.ts';
import type { ContextTime } from './context-time.ts';
import { applyChecks, checkDockerfile } from './check-dockerfile.ts';
import { lintViolation } from './errors.ts';
import type { FetchHost } from './fetched-file.ts';
import { pinSources, type PinHost } from './pin-sources.ts';
import { planStagesWithBases } from './plan-stages-with-bases.ts';
import type { BuildRequest } from './request.ts';
import { throwDiagnostics } from './throw-diagnostics.ts';

/** A graph to solve, and the time that its image is dated to when that is fixed. */
export interface PlannedBuild {
  readonly ast: DockerfileAst;
  readonly plan: StageGraph;
  readonly graph: OpGraph;
  /** Seconds since 1970. */
  readonly sourceDateEpoch: number | undefined;
  /** That time was found out from files or a repository. */
  readonly asksForTime: boolean;
}

/** What finding out the time that SOURCE_DATE_EPOCH names takes from the world. */
export interface SourceTimeHost extends PinHost, FetchHost {
  readonly contextTime: ContextTime;
}

/** What planning takes from the world. */
export interface PlanHost extends SourceTimeHost {
  /** Value of `process.arch`. */
  readonly arch: string;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** The rules of the main context's ignore file, for a build check. */
  readonly ignoreMatcher: PatternMatcher | undefined;
}

/**
 * Text to graph: parses, plans with the base images that turn out to be needed, and lowers. Fetches
 * manifests and configs, no layers, and finds out what URLs and repositories stand for. Tells what the
 * build checks find.
 * @throws BuildError, or AggregateError of them when the Dockerfile has several mistakes;
 * LINT_VIOLATION when the file asks to fail for what the checks find
 */
export async function planBuild(
  source: SourceFile,
  request: BuildRequest,
  bases: BaseImages,
  host: PlanHost,
  signal: AbortSignal,
): Promise<PlannedBuild> {
  const { ast, diagnostics } = parseDockerfile(source);
  const { buildArgs } = request;
  const parsed = applyChecks(diagnostics, ast, buildArgs).diagnostics;
  if (parsed.some(({ severity }) => severity === 'error')) throwDiagnostics(parsed, host.emit);
  let planned: { readonly plan: StageGraph; readonly asksForTime: boolean };
  try {
    planned = await planWithTime(ast, planRequest(request, host.arch), { bases, host }, signal);
  } catch (error) {
    // What is known by now may explain the failure.
    throwDiagnostics(parsed, host.emit);
    throw error;
  }
  const { plan, asksForTime } = planned;
  const { ignoreMatcher, emit } = host;
  const input = { buildArgs, ignoreMatcher, images: bases.resolved };
  const checks = checkDockerfile(ast, diagnostics, [plan], input);
  throwDiagnostics(checks.diagnostics, emit);
  if (checks.violations.length > 0) throw lintViolation(checks.violations);
  const lowered = lowerStages(plan, bases.resolved, { now: timeText(host.now) });
  const graph = await pinSources(lowered, host, signal);
  return { ast, plan, graph, sourceDateEpoch: plan.sourceDateEpoch, asksForTime };
}

/** Plans once more when SOURCE_DATE_EPOCH turns out to be a name, with the time that it stands for. */
async function planWithTime(
  ast: DockerfileAst,
  wishes: PlanRequest,
  { bases, host }: { readonly bases: BaseImages; readonly host: PlanHost },
  signal: AbortSignal,
): Promise<{ readonly plan: StageGraph; readonly asksForTime: boolean }> {
  const plan = await planStagesWithBases(ast, wishes, bases, signal);
  if (plan.epochSource === undefined) return { plan, asksForTime: false };
  const { sourceTime } = await import('./source-time.ts');
  const seconds = await sourceTime(plan.epochSource, host, signal);
  const epoch = [SOURCE_DATE_EPOCH, seconds === undefined ? '' : String(seconds)] as const;
  const buildArgs = new Map([...wishes.buildArgs, epoch]);
  const dated = await planStagesWithBases(ast, { ...wishes, buildArgs }, bases, signal);
  return { plan: dated, asksForTime: true };
}

/** The named contexts of a request, by name. @throws BuildError NAMED_CONTEXT_INVALID */
export function namedContextsOf(request: BuildRequest): ReadonlyMap<string, NamedContext> {
  return new Map(
    [...request.namedContexts].map(([name, value]) => [name, parseNamedContext(name, value)]),
  );
}

/** What planning takes from a request. `arch` is the value of `process.arch`. */
export function planRequest(request: BuildRequest, arch: string): PlanRequest {
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
