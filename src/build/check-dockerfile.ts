import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { DockerfileAst } from '../dockerfile/ast.ts';
import {
  applyCheckDirective,
  type AppliedChecks,
} from '../dockerfile/lint/apply-check-directive.ts';
import { lintDockerfile } from '../dockerfile/lint/run-lint.ts';
import type { PatternMatcher } from '../dockerfile/pattern-matcher.ts';
import type { BaseImage } from '../image/base-image.ts';
import type { BaseKey, PlannedStage, StageGraph } from '../stages/stage-graph.ts';

/** The build argument that takes the place of `# check=`. */
const CHECK_ARGUMENT = 'BUILDKIT_DOCKERFILE_CHECK';

/** What the checks look at besides the file. */
export interface CheckInput {
  readonly buildArgs: ReadonlyMap<string, string>;
  readonly ignoreMatcher: PatternMatcher | undefined;
  readonly images: ReadonlyMap<BaseKey, BaseImage>;
}

/**
 * All findings about a Dockerfile whose plans are made: those of the parser, of planning and of the
 * build checks, without those that the file does not want to hear of. Stages in no plan are not looked into.
 */
export function checkDockerfile(
  ast: DockerfileAst,
  parsed: readonly Diagnostic[],
  plans: readonly StageGraph[],
  input: CheckInput,
): AppliedChecks {
  const stages = plans.flatMap(({ targets }) => targets.flatMap((target) => target.stages));
  const found = lintDockerfile(ast, {
    buildArgs: input.buildArgs,
    ignoreMatcher: input.ignoreMatcher,
    stages: new Set(stages.map(({ index }) => index)),
    triggers: new Map(stages.map(({ index, triggers }) => [index, triggers])),
    stagesWithShell: new Set(
      stages.filter((stage) => hasShell(stage, input.images)).map(({ index }) => index),
    ),
  });
  const planned = plans.flatMap(({ diagnostics }) => diagnostics);
  return applyChecks([...parsed, ...withoutRepeats(planned), ...found], ast, input.buildArgs);
}

/** Findings without those that the file, or the build argument for it, does not want to hear of. */
export function applyChecks(
  diagnostics: readonly Diagnostic[],
  ast: DockerfileAst,
  buildArgs: ReadonlyMap<string, string>,
): AppliedChecks {
  return applyCheckDirective(diagnostics, ast, buildArgs.get(CHECK_ARGUMENT));
}

function hasShell({ base }: PlannedStage, images: ReadonlyMap<BaseKey, BaseImage>): boolean {
  if (base.kind !== 'image') return false;
  return (images.get(base.key)?.config.config.Shell ?? []).length > 0;
}

/** Two plans of one file find the same where they share stages. */
function withoutRepeats(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  const known = new Map(
    diagnostics.map((found) => [`${found.span.start} ${found.code} ${found.message}`, found]),
  );
  return [...known.values()];
}
