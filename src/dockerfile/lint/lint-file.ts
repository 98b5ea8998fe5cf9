import type { DockerfileAst, Instruction, StageInstruction, StageNode } from '../ast.ts';
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
  /**
   * What the ONBUILD triggers of bases put before the instructions of a stage, by its index. What is
   * found in them is told of the FROM.
   */
  readonly triggers?: ReadonlyMap<number, readonly StageInstruction[]> | undefined;
  /** The rules of `.dockerignore`. */
  readonly ignoreMatcher?: PatternMatcher | undefined;
}

/** A Dockerfile as the checks see it. */
export interface LintFile {
  readonly ast: DockerfileAst;
  readonly context: LintContext;
  /** The stages to look into, in file order, with the triggers of their bases in front. */
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
  const stages = ast.stages.map((stage) => withTriggers(stage, context.triggers));
  const scopes = new StageScopes({ ...ast, stages }, context.buildArgs ?? new Map());
  return {
    ast,
    context,
    stages: stages.filter(({ index }) => context.stages?.has(index) ?? true),
    defaults: defaultGlobals(ast, new Map()),
    walk: (stage) => scopes.walk(stage),
    baseStage: (stage) => scopes.baseOf(stage),
  };
}

function withTriggers(stage: StageNode, all: LintContext['triggers']): StageNode {
  const triggers = all?.get(stage.index) ?? [];
  if (triggers.length === 0) return stage;
  return { ...stage, instructions: [...triggers, ...stage.instructions] };
}

/** Every instruction of the file that is right, in order. */
export function* allInstructions(ast: DockerfileAst): Iterable<Instruction> {
  yield* ast.globalArgs;
  for (const stage of ast.stages) {
    yield stage.from;
    yield* stage.instructions;
  }
}
