import type { ArgInstruction, DockerfileAst, KeyValue } from '../dockerfile/ast.ts';
import type { Span } from '../diagnostics/source.ts';
import { expandWord } from '../dockerfile/expand.ts';
import { describedBy } from './descriptions.ts';
import { createExpander } from './expander.ts';
import { globalArgs } from './global-args.ts';
import type { PlanRequest } from './plan-request.ts';
import type { PlannedStep } from './planned-step.ts';
import type { PlannedStage, StageGraph } from './stage-graph.ts';

/** What a target can be given: its build arguments, secrets and SSH agents, in the order of the file. */
export interface Outline {
  /** Name of the target; undefined when it has none. */
  readonly name: string | undefined;
  readonly description: string | undefined;
  readonly args: readonly OutlineArg[];
  readonly secrets: readonly OutlineSecret[];
  readonly ssh: readonly OutlineSecret[];
}

/** A build argument that the target looks at. */
export interface OutlineArg {
  readonly name: string;
  readonly description: string | undefined;
  /** As it is in this build; empty when nothing sets it. */
  readonly value: string;
  /** The instruction that declares it. */
  readonly span: Span;
}

/** A secret or an SSH agent that a step mounts. */
export interface OutlineSecret {
  readonly name: string;
  readonly isRequired: boolean;
  /** The instruction that mounts it. */
  readonly span: Span;
}

/** The outline of the first target of a plan, over all stages that it needs. */
export function outlineOf(ast: DockerfileAst, plan: StageGraph, request: PlanRequest): Outline {
  const target = plan.targets[0];
  const stages = fromTargetDown(target?.stages ?? [], target?.target);
  const from = stages.find(({ index }) => index === target?.target)?.from;
  const name = from?.name?.text;
  const mounts = stages.flatMap(({ steps }) => steps.flatMap(mountsOf));
  return {
    name,
    description: from && describedBy(from.comments, name ?? ''),
    args: outlineArgs(ast, stages, request),
    secrets: inPlace(firstOfEach(mounts.filter(({ type }) => type === 'secret'))),
    ssh: inPlace(firstOfEach(mounts.filter(({ type }) => type === 'ssh'))),
  };
}

function outlineArgs(
  ast: DockerfileAst,
  stages: readonly PlannedStage[],
  request: PlanRequest,
): OutlineArg[] {
  const globals = outlineGlobals(ast, request);
  const used = new Set<string>();
  const found: OutlineArg[] = [];
  for (const stage of stages) {
    const words = [stage.from.image, ...(stage.from.platform ? [stage.from.platform] : [])];
    for (const name of words.flatMap(({ raw }) => namesIn(raw, ast.escape))) {
      if (globals.visible.has(name)) used.add(name);
    }
    const own = new Map<string, OutlineArg>();
    const instructions = ast.stages.find(({ index }) => index === stage.index)?.instructions ?? [];
    for (const instruction of instructions) {
      if (instruction.kind !== 'arg') continue;
      const step = stage.steps.find(({ span }) => span === instruction.span);
      for (const arg of instruction.args) {
        const isGlobal = arg.value === undefined && !request.buildArgs.has(arg.key.raw);
        if (isGlobal) used.add(arg.key.raw);
        if (!isGlobal || !globals.visible.has(arg.key.raw)) {
          own.set(arg.key.raw, outlineArg(instruction, arg, valueIn(step, arg.key.raw)));
        }
      }
    }
    found.push(...own.values());
  }
  return inPlace(firstOfEach([...globals.usedBy(used), ...found]));
}

/** The target, what it is built on, and then what else it needs: so BuildKit looks for names. */
function fromTargetDown(
  stages: readonly PlannedStage[],
  target: number | undefined,
): readonly PlannedStage[] {
  const chain: PlannedStage[] = [];
  for (let at = target; at !== undefined;) {
    const stage = stages.find(({ index }) => index === at);
    if (stage !== undefined) chain.push(stage);
    at = stage?.base.kind === 'stage' ? stage.base.index : undefined;
  }
  return [...chain, ...stages.filter((stage) => !chain.includes(stage))];
}

interface OutlineGlobals {
  /** Names that a bare ARG in a stage takes over. */
  readonly visible: ReadonlySet<string>;
  /** Those of the global arguments that are used, by themselves or in the default of one that is. */
  usedBy(names: ReadonlySet<string>): readonly OutlineArg[];
}

function outlineGlobals(ast: DockerfileAst, request: PlanRequest): OutlineGlobals {
  const { buildPlatform: build, buildArgs, targetPlatforms } = request;
  const platforms = { build, target: targetPlatforms[0] ?? build, stage: request.target };
  const values = globalArgs(platforms, ast.globalArgs, buildArgs, createExpander(ast.escape));
  const declared = ast.globalArgs.flatMap((node) => node.args.map((arg) => ({ node, arg })));
  return {
    visible: new Set(values.keys()),
    usedBy(names) {
      const used = new Set(names);
      // Defaults name only arguments above them.
      for (const { arg } of declared.toReversed()) {
        if (!used.has(arg.key.raw) || arg.value === undefined) continue;
        for (const name of namesIn(arg.value.raw, ast.escape)) used.add(name);
      }
      // Of several with one name the last counts.
      const last = new Map(declared.map((each) => [each.arg.key.raw, each] as const));
      return [...last]
        .filter(([name]) => used.has(name))
        .map(([name, { node, arg }]) => outlineArg(node, arg, values.get(name) ?? ''));
    },
  };
}

function outlineArg(node: ArgInstruction, { key }: KeyValue, value: string): OutlineArg {
  const description = describedBy(node.comments, key.raw);
  return { name: key.raw, description, value, span: node.span };
}

function valueIn(step: PlannedStep | undefined, name: string): string {
  if (step?.kind !== 'arg') return '';
  return step.args.find((arg) => arg.name === name)?.value ?? '';
}

/** Every variable that a word may look at. */
function namesIn(raw: string, escape: '\\' | '`'): readonly string[] {
  const result = expandWord(raw, () => undefined, { escape });
  return result.ok ? result.undefinedVariables : [];
}

function mountsOf(step: PlannedStep): (OutlineSecret & { readonly type: 'secret' | 'ssh' })[] {
  if (step.kind !== 'run') return [];
  return step.mounts.flatMap(({ type, id, target, isRequired }) => {
    if (type !== 'secret' && type !== 'ssh') return [];
    const fallback =
      type === 'ssh' ? 'default' : (target ?? '').slice((target ?? '').lastIndexOf('/') + 1);
    const name = id === undefined || id === '' ? fallback : id;
    return [{ type, name, isRequired, span: step.span }];
  });
}

function firstOfEach<T extends { readonly name: string }>(found: readonly T[]): T[] {
  const known = new Map<string, T>();
  for (const each of found) if (!known.has(each.name)) known.set(each.name, each);
  return [...known.values()];
}

function inPlace<T extends { readonly span: Span }>(found: readonly T[]): T[] {
  return found.toSorted((a, b) => a.span.start - b.span.start);
}
