import { BuildError } from '../diagnostics/build-error.ts';
import type { DockerfileAst } from '../dockerfile/ast.ts';
import type { PlanRequest } from '../stages/plan-request.ts';
import { planStages } from '../stages/plan-stages.ts';
import type { StageGraph } from '../stages/stage-graph.ts';
import type { BaseImages } from './base-images.ts';

/** Triggers of base images may name further images; no sane chain of them is this long. */
const MAX_PLAN_ROUNDS = 20;

/**
 * Plans, resolves the base images that turn out to be needed, and plans again until none is missing.
 * Fetches manifests and configs, no layers.
 * @throws BuildError of planning and resolving; TOO_MANY_TRIGGERS
 */
export async function planStagesWithBases(
  ast: DockerfileAst,
  wishes: PlanRequest,
  bases: BaseImages,
  signal: AbortSignal,
): Promise<StageGraph> {
  for (let round = 0; round < MAX_PLAN_ROUNDS; round++) {
    const plan = planStages(ast, wishes, bases.resolved);
    if (plan.missing.length === 0) return plan;
    await bases.resolve(plan.missing, signal);
  }
  throw new BuildError({
    code: 'TOO_MANY_TRIGGERS',
    class: 'input',
    message: `Cannot plan the build: triggers of base images name new images ${MAX_PLAN_ROUNDS} times in a row`,
    hint: 'Look at the ONBUILD instructions of the base images',
  });
}
