import type { Span } from '../diagnostics/source.ts';
import type { StageInstruction } from '../dockerfile/ast.ts';
import { stageCycle, stageNotBuiltYet } from './errors.ts';
import type { FileSources } from './file-sources.ts';
import { mountFromName } from './run-mounts.ts';
import { stageTitle, type StageEntry } from './stage-entry.ts';
import type { StageBase } from './stage-graph.ts';

/** Something that a stage takes files from, and the word that says so. */
export interface StageNeed {
  readonly source: StageBase;
  readonly span: Span;
  readonly why: 'base' | 'copy' | 'mount';
}

/** What `instructions` take from outside the stage they stand in. The main context is not listed. */
export function needsOf(
  instructions: readonly StageInstruction[],
  sources: FileSources,
): StageNeed[] {
  return instructions.flatMap((instruction): StageNeed[] => {
    if (
      instruction.kind === 'copy' &&
      instruction.from !== undefined &&
      instruction.from.raw !== ''
    ) {
      const { span } = instruction.from;
      return [{ source: sources.copyFrom(instruction.from), span, why: 'copy' }];
    }
    if (instruction.kind !== 'run') return [];
    return instruction.mounts.flatMap((mount): StageNeed[] => {
      const name = mountFromName(mount.raw);
      if (name === undefined) return [];
      return [{ source: sources.mountFrom(name, mount.span), span: mount.span, why: 'mount' }];
    });
  });
}

/** Everything that a stage needs by what the file says, triggers of its base left out. */
export function staticNeeds(entry: StageEntry, sources: FileSources): StageNeed[] {
  const { image } = entry.node.from;
  const base: StageNeed = { source: sources.base(entry), span: image.span, why: 'base' };
  return entry.override === undefined
    ? [base, ...needsOf(entry.node.instructions, sources)]
    : [base];
}

/**
 * Refuses stages that wait for each other, in all of the file as BuildKit does.
 * @throws BuildError STAGE_CYCLE
 */
export function refuseCycles(
  entries: readonly StageEntry[],
  needs: ReadonlyMap<StageEntry, readonly StageNeed[]>,
): void {
  const done = new Set<StageEntry>();
  const visit = (entry: StageEntry, path: readonly StageEntry[]): void => {
    if (done.has(entry)) return;
    const trail = [...path, entry];
    for (const { source, span } of needs.get(entry) ?? []) {
      const next = source.kind === 'stage' ? entries[source.index] : undefined;
      if (next === undefined) continue;
      const start = trail.indexOf(next);
      if (start !== -1) {
        throw stageCycle([...trail.slice(start), next].map(stageTitle), span);
      }
      visit(next, trail);
    }
    done.add(entry);
  };
  for (const entry of entries) visit(entry, []);
}

/**
 * A stage sees only stages above it.
 * @throws BuildError STAGE_NOT_BUILT_YET
 */
export function refuseLaterStages(
  entry: StageEntry,
  needs: readonly StageNeed[],
  entries: readonly StageEntry[],
): void {
  for (const { source, span, why } of needs) {
    if (source.kind !== 'stage' || source.index < entry.index) continue;
    const isRepeated = entries.some(
      ({ name, index }) => name === source.name && index < entry.index,
    );
    const verb =
      why === 'mount' ? 'mount from' : why === 'copy' ? 'copy from' : 'begin a stage from';
    throw stageNotBuiltYet({ verb, name: source.name, isRepeated }, span);
  }
}
