import { parsePlatform, type Platform } from '../core/platform.ts';
import { nearest } from '../core/suggest.ts';
import type { Diagnostic } from '../diagnostics/diagnostic.ts';
import type { DockerfileAst, StageNode } from '../dockerfile/ast.ts';
import { baseNameEmpty, platformInvalid, stageIndexInvalid, targetNotFound } from './errors.ts';
import { undefinedFromArguments, type Expander } from './expander.ts';
import type { FoundContext, NamedContexts } from './named-context.ts';
import type { Variables } from './planned-step.ts';
import type { Word } from '../dockerfile/ast.ts';

/** A variable that nothing sets. */
export interface UnsetVariable {
  readonly name: string;
  readonly similar: string | undefined;
}

/** A FROM of the file with its words expanded for one target platform. */
export interface StageEntry {
  readonly index: number;
  readonly name: string | undefined;
  readonly node: StageNode;
  /** The base as expanded: a stage, `scratch`, a context or an image. */
  readonly baseName: string;
  /** Why the name may be wrong: a variable in it that nothing sets, and what was probably meant. */
  readonly unset: UnsetVariable | undefined;
  /** The stage it is built on. A stage name goes before an image; only earlier ones count. */
  readonly baseStage: number | undefined;
  /** `--platform`, expanded. */
  readonly platform: Platform | undefined;
  /** A named context that takes the place of the whole stage. */
  readonly override: FoundContext | undefined;
}

/** Inputs of `readStages` besides the file. */
export interface StageScope {
  readonly globals: Variables;
  readonly contexts: NamedContexts;
  readonly targetPlatform: Platform;
  readonly buildPlatform: Platform;
  readonly expander: Expander;
  readonly report: (diagnostic: Diagnostic) => void;
}

/**
 * Expands every FROM of the file, also of stages that nothing needs, as BuildKit does.
 * @throws BuildError BASE_NAME_EMPTY, PLATFORM_INVALID, EXPANSION_FAILED
 */
export function readStages(ast: DockerfileAst, scope: StageScope): StageEntry[] {
  const known = new Set([
    ...scope.globals.keys(),
    ...ast.globalArgs.flatMap(({ args }) => args.map(({ key }) => key.raw)),
  ]);
  const entries: StageEntry[] = [];
  for (const node of ast.stages) {
    const { image, platform, name } = node.from;
    const base = scope.expander.word(image, scope.globals);
    undefinedFromArguments(base.unset, known, image.span).forEach(scope.report);
    const [unset] = base.unset;
    if (base.text === '') throw baseNameEmpty(image.raw, unset, image.span);
    const fromPlatform = platform && readPlatform(platform, known, scope);
    const override = name && scope.contexts.find(name.text, fromPlatform ?? scope.targetPlatform);
    const baseStage = entries.findLast((entry) => entry.name === base.text)?.index;
    entries.push({
      index: node.index,
      name: name?.text,
      node,
      baseName: base.text,
      unset: unset === undefined ? undefined : { name: unset, similar: nearest(unset, known) },
      baseStage: override === undefined ? baseStage : undefined,
      platform: fromPlatform,
      override,
    });
  }
  return entries;
}

function readPlatform(word: Word, known: ReadonlySet<string>, scope: StageScope): Platform {
  const { text, unset } = scope.expander.word(word, scope.globals);
  undefinedFromArguments(unset, known, word.span).forEach(scope.report);
  const platform = text === '' ? undefined : parsePlatform(text, scope.buildPlatform);
  if (platform === undefined) throw platformInvalid(word.raw, text, word.span);
  return platform;
}

/** The stage to build. @throws BuildError TARGET_NOT_FOUND */
export function targetStage(
  entries: readonly StageEntry[],
  target: string | undefined,
): StageEntry {
  const found = target === undefined || target === '' ? entries.at(-1) : findStage(entries, target);
  const byIndex =
    target !== undefined && /^\d+$/.test(target) ? entries[Number(target)] : undefined;
  const stage = found ?? byIndex;
  if (stage === undefined) {
    const names = stageNames(entries);
    throw targetNotFound(target ?? '', nearest(target ?? '', names), names);
  }
  return stage;
}

/** By name, in any case. Of several with one name the last counts, also when it comes later. */
export function findStage(entries: readonly StageEntry[], name: string): StageEntry | undefined {
  const wanted = name.toLowerCase();
  return entries.findLast((entry) => entry.name === wanted);
}

/** `COPY --from=0`. Undefined when `from` is no number. @throws BuildError STAGE_INDEX_INVALID */
export function stageByIndex(entries: readonly StageEntry[], from: Word): StageEntry | undefined {
  if (!/^[+-]?\d+$/.test(from.raw)) return undefined;
  const stage = from.raw.startsWith('-') ? undefined : entries[Number(from.raw)];
  if (stage === undefined) throw stageIndexInvalid(from.raw, entries.length, from.span);
  return stage;
}

/** Every name once, in file order. */
export function stageNames(entries: readonly StageEntry[]): string[] {
  return [...new Set(entries.flatMap(({ name }) => (name === undefined ? [] : [name])))];
}

/** How people call it: its name, or its place. */
export function stageTitle({ name, index }: { name: string | undefined; index: number }): string {
  return name ?? String(index);
}
