import type { StageMeasure } from '../events/event.ts';
import type { OpGraph, StageResult } from '../ops/op-graph.ts';
import type { OpId } from '../ops/op.ts';
import type { CommittedSnapshot, SnapshotId, Snapshotter } from '../snapshot/snapshotter.ts';
import type { SolvedGraph } from './solve-graph.ts';

/**
 * What each stage weighs, took and left behind. A stage whose files are not here any more, because
 * everything built on it came from the cache, is left out: there is nothing to weigh.
 */
export function measureStages(
  graph: OpGraph,
  solved: SolvedGraph,
  snapshots: Snapshotter,
): StageMeasure[] {
  const shipped = new Set(
    graph.targets.flatMap(({ root }) => chainOf(root, solved, snapshots).map(({ id }) => id)),
  );
  const targetRoots = new Set(graph.targets.map(({ root }) => root));
  return graph.stages.flatMap((stage) => {
    const chain = chainOf(stage.root, solved, snapshots);
    if (stage.root !== undefined && !solved.has(stage.root)) return [];
    const isTarget = targetRoots.has(stage.root);
    const kept = chain.filter(({ id }) => shipped.has(id));
    const totalBytes = sumBytes(chain);
    const leftBehind = totalBytes - sumBytes(kept) - takenBytes(graph, stage, solved);
    return [
      {
        index: stage.index,
        name: stage.name,
        baseName: stage.baseName,
        totalBytes,
        addedBytes: sum(stage.ops, (op) => solved.get(op)?.bytes ?? 0),
        leftBehindBytes: isTarget ? 0 : Math.max(0, leftBehind),
        durationMs: sum(stage.ops, (op) => solved.get(op)?.durationMs ?? 0),
        isTarget,
      },
    ];
  });
}

/** Bytes that COPY --from took out of the stage, wherever they went. */
function takenBytes(graph: OpGraph, stage: StageResult, solved: SolvedGraph): number {
  const readers = graph.ops.flatMap((op, index) =>
    op.kind === 'file' &&
    op.actions.some((action) => action.action === 'copy' && action.from === stage.root)
      ? [index as OpId]
      : [],
  );
  return sum(readers, (id) => solved.get(id)?.bytes ?? 0);
}

function chainOf(
  root: OpId | undefined,
  solved: SolvedGraph,
  snapshots: Snapshotter,
): readonly CommittedSnapshot[] {
  const output = root === undefined ? undefined : solved.get(root)?.output;
  return output?.kind === 'snapshot' && output.id !== undefined
    ? snapshots.chain(output.id as SnapshotId)
    : [];
}

function sumBytes(chain: readonly CommittedSnapshot[]): number {
  return sum(chain, ({ bytes }) => bytes);
}

function sum<T>(items: readonly T[], of: (item: T) => number): number {
  return items.reduce((total, item) => total + of(item), 0);
}
