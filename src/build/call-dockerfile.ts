import { timeText } from '../core/time-text.ts';
import { DisposeStack } from '../core/dispose-stack.ts';
import { BuildError } from '../diagnostics/build-error.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { DockerfileAst } from '../dockerfile/ast.ts';
import { parseDockerfile } from '../dockerfile/parse-dockerfile.ts';
import { lowerStages } from '../ops/lower-stages.ts';
import { outlineOf, type Outline } from '../stages/outline.ts';
import type { StageGraph } from '../stages/stage-graph.ts';
import { createBaseImages, type BaseImages } from './base-images.ts';
import type { BuildHost } from './build-image.ts';
import { openBuildInput, type BuildInput, type InputHost } from './build-input.ts';
import { lintViolation } from './errors.ts';
import { openBuildRemotes } from './build-remotes.ts';
import { checkDockerfile } from './check-dockerfile.ts';
import { planRequest } from './plan-build.ts';
import { planStagesWithBases } from './plan-stages-with-bases.ts';
import type { BuildRequest } from './request.ts';
import { throwDiagnostics } from './throw-diagnostics.ts';

/** The world, as far as questions about a Dockerfile need it. */
export type CallHost = Pick<BuildHost, 'arch' | 'images' | 'openRemotes' | 'runtimeDir'> &
  InputHost;

/** What the build checks say of a Dockerfile. */
export interface CheckedDockerfile {
  readonly ast: DockerfileAst;
  /** Warnings in the order of the file. */
  readonly warnings: readonly Diagnostic[];
  /** Why it cannot be built, when it cannot. */
  readonly errors: readonly BuildError[];
}

/**
 * Runs the build checks and builds nothing. Without a target every stage is looked into. Resolves base
 * images, as their environment is part of what is checked.
 */
export async function checkRequest(
  request: BuildRequest,
  host: CallHost,
  signal: AbortSignal,
): Promise<CheckedDockerfile> {
  await using opened = await openInput(request, host, signal);
  const { source } = opened.input.dockerfile;
  const { ignoreMatcher } = opened.input;
  const { ast, diagnostics } = parseDockerfile(source);
  // Its mistakes are told in one sentence.
  if (source.isPrivate === true) throwDiagnostics(diagnostics, () => undefined);
  const bases = openBases(request, host);
  const plans: StageGraph[] = [];
  const errors: BuildError[] = [];
  if (!diagnostics.some(({ severity }) => severity === 'error')) {
    try {
      await planEach(ast, request, { bases, host, plans }, signal);
      for (const plan of plans) refuseUnbuildable(plan, bases, host);
    } catch (error) {
      signal.throwIfAborted();
      if (!(error instanceof BuildError)) throw error;
      errors.push(error);
    }
  }
  const input = { buildArgs: request.buildArgs, ignoreMatcher, images: bases.resolved };
  const { diagnostics: found, violations } = checkDockerfile(ast, diagnostics, plans, input);
  const mistakes = found.filter(({ severity }) => severity === 'error');
  if (violations.length > 0 && mistakes.length + errors.length === 0) {
    errors.push(lintViolation(violations));
  }
  return {
    ast,
    warnings: found.filter(({ severity }) => severity === 'warning'),
    errors: [...mistakes.map((found) => new BuildError({ ...found, class: 'input' })), ...errors],
  };
}

/** What the target can be given. @throws BuildError, or AggregateError of them */
export async function outlineRequest(
  request: BuildRequest,
  host: CallHost,
  signal: AbortSignal,
): Promise<{ readonly ast: DockerfileAst; readonly outline: Outline }> {
  const ast = await parseRequest(request, host, signal);
  const wishes = planRequest(request, host.arch);
  const bases = openBases(request, host);
  const plan = await planStagesWithBases(ast, wishes, bases, signal);
  refuseUnbuildable(plan, bases, host);
  return { ast, outline: outlineOf(ast, plan, wishes) };
}

/** The Dockerfile of a request. @throws BuildError, or AggregateError of them, for what is wrong with it */
export async function parseRequest(
  request: BuildRequest,
  host: CallHost,
  signal: AbortSignal,
): Promise<DockerfileAst> {
  await using opened = await openInput(request, host, signal);
  const { ast, diagnostics } = parseDockerfile(opened.input.dockerfile.source);
  throwDiagnostics(diagnostics, () => undefined);
  return ast;
}

async function openInput(
  request: BuildRequest,
  host: CallHost,
  signal: AbortSignal,
): Promise<AsyncDisposable & { readonly input: BuildInput }> {
  await using opened = new DisposeStack();
  const remotes = opened.use(openBuildRemotes(request, host));
  const input = opened.use(await openBuildInput(request, host, remotes, signal));
  const kept = opened.move();
  return { input, [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose]() };
}

function openBases(request: BuildRequest, host: CallHost): BaseImages {
  const startedAt = host.now();
  return createBaseImages(host.images, request.pull, host.emit, () => host.now() - startedAt);
}

/** Some mistakes only show when the ops are made: modes, checksums, what may be copied from where. */
function refuseUnbuildable(plan: StageGraph, bases: BaseImages, host: CallHost): void {
  lowerStages(plan, bases.resolved, { now: timeText(host.now()) });
}

/** The target, or every stage: from the last one up, as the stages that it needs are planned with it. */
async function planEach(
  ast: DockerfileAst,
  request: BuildRequest,
  to: { readonly bases: BaseImages; readonly host: CallHost; readonly plans: StageGraph[] },
  signal: AbortSignal,
): Promise<void> {
  const wishes = planRequest(request, to.host.arch);
  to.plans.push(await planStagesWithBases(ast, wishes, to.bases, signal));
  if (request.target !== undefined) return;
  const planned = new Set<number>();
  const note = (plan: StageGraph | undefined): void =>
    plan?.targets.forEach(({ stages }) => stages.forEach(({ index }) => planned.add(index)));
  note(to.plans[0]);
  for (const { index } of ast.stages.toReversed()) {
    if (planned.has(index)) continue;
    const target = String(index);
    const plan = await planStagesWithBases(ast, { ...wishes, target }, to.bases, signal);
    to.plans.push(plan);
    note(plan);
  }
}
