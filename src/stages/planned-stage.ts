import type { Platform } from '../core/platform.ts';
import type { DockerfileAst } from '../dockerfile/ast.ts';
import type { StageStep } from './expand-step.ts';
import type { PlanRequest } from './plan-request.ts';
import type { PlannedStep } from './planned-step.ts';
import type { StageEntry } from './stage-entry.ts';
import type { PlannedStage, StageBase } from './stage-graph.ts';
import type { StageNeed } from './stage-needs.ts';

/** A reachable stage before its words are expanded. */
export interface OpenStage {
  readonly entry: StageEntry;
  readonly base: StageBase;
  readonly steps: readonly StageStep[];
  readonly needs: readonly StageNeed[];
}

/** A stage with its steps expanded, and with what its steps are called by. */
export function plannedStage(
  { entry, base, needs, steps: written }: OpenStage,
  rest: {
    readonly steps: readonly PlannedStep[];
    readonly platform: Platform;
    readonly ast: DockerfileAst;
    readonly request: PlanRequest;
  },
): PlannedStage {
  const { steps, platform, ast, request } = rest;
  return {
    index: entry.index,
    name: entry.name,
    label: entry.name ?? (isAlone(ast, needs, steps) ? '' : `stage-${entry.index}`),
    from: entry.node.from,
    base,
    platform,
    triggers: written.flatMap(({ instruction, isOnbuild }) => (isOnbuild ? [instruction] : [])),
    steps,
    stepCount: countSteps(base, steps),
    ignoresCache: isUncached(entry.name, request.noCache),
  };
}

/**
 * BuildKit leaves the stage out of `[1/3]` only when the file has one stage and nothing else is
 * copied or mounted from; each mount counts, even one without files of its own.
 */
function isAlone(
  ast: DockerfileAst,
  needs: readonly StageNeed[],
  steps: readonly PlannedStep[],
): boolean {
  const others = needs.some(({ why }) => why !== 'base');
  const hasMounts = steps.some((step) => step.kind === 'run' && step.mounts.length > 0);
  return ast.stages.length === 1 && !others && !hasMounts;
}

/** Triggers count whatever they are; of the others only those that change files. FROM of an image counts. */
function countSteps(base: StageBase, steps: readonly PlannedStep[]): number {
  const numbered = steps.filter(
    ({ kind, isOnbuild }) =>
      isOnbuild || kind === 'run' || kind === 'copy' || kind === 'add' || kind === 'workdir',
  );
  return numbered.length + (base.kind === 'image' || base.kind === 'named' ? 1 : 0);
}

function isUncached(name: string | undefined, noCache: PlanRequest['noCache']): boolean {
  if (typeof noCache === 'boolean' || noCache === undefined) return noCache === true;
  return noCache.some((other) => other.toLowerCase() === name);
}
