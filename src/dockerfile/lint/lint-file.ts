import type { DockerfileAst, Instruction, StageNode } from '../ast.ts';
import type { PatternMatcher } from '../pattern-matcher.ts';
import { defaultGlobals } from './global-values.ts';
import { StageScopes, type StageScope } from './stage-scopes.ts';

/** What a check may know besides the text. Everything can be left out. */
export interface LintContext {
  /** `--build-arg`. */
  readonly buildArgs?: ReadonlyMap<string, string> | undefined;
  /** Indexes of the stages that the target needs. Undefined: every stage is looked into. */
  readonly stages?: ReadonlySet<number> | undefined;
  /** Indexes of the stages whose base image names a shell, so that shell form is meant. */
  readonly stagesWithShell?: ReadonlySet<number> | undefined;
  /** The rules of `.dockerignore`. */
  readonly ignoreMatcher?: PatternMatcher | undefined;
}

/** A Dockerfile as the checks see it. */
export interface LintFile {
  readonly ast: DockerfileAst;
  readonly context: LintContext;
  /** The stages to look into, in file order. */
  readonly stages: readonly StageNode[];
  /** What FROM sees when no build argument is given. */
  readonly defaults: ReadonlyMap<string, string>;
  /**
   * The instructions of a stage in order, each with the variables that it sees. Use one before taking
   * the next: the variables change.
   */
  walk(stage: StageNode): Iterable<StageScope>;
  /** The stage of this file that a stage is built on; undefined when it stands on an image. */
  baseStage(stage: StageNode): StageNode | undefined;
}

export function openLintFile(ast: DockerfileAst, context: LintContext): LintFile {
  const scopes = new StageScopes(ast, context.buildArgs ?? new Map());
  return {
    ast,
    context,
    stages: ast.stages.filter(({ index }) => context.stages?.has(index) ?? true),
    defaults: defaultGlobals(ast, new Map()),
    walk: (stage) => scopes.walk(stage),
    baseStage: (stage) => scopes.baseOf(stage),
  };
}

/** Every instruction of the file that is right, in order. */
export function* allInstructions(ast: DockerfileAst): Iterable<Instruction> {
  yield* ast.globalArgs;
  for (const stage of ast.stages) {
    yield stage.from;
    yield* stage.instructions;
  }
}
