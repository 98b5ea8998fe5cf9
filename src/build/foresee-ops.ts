import { inputUses } from '../cache/input-parts.ts';
import type { MissReason } from '../events/event.ts';
import type { OpGraph } from '../ops/op-graph.ts';
import { inputsOf, type OpId } from '../ops/op.ts';
import type { Solver } from '../solve/solver.ts';

/** What would become of an op. `isNeeded`: the build would ask for its result. */
export type Forecast = { readonly isNeeded: boolean } & (
  | { readonly kind: 'cached' }
  | { readonly kind: 'runs'; readonly because: MissReason }
  /** Its key depends on files that others have to make first. */
  | { readonly kind: 'unknown'; readonly waitsFor: readonly OpId[] }
);

type Outlook =
  | { readonly kind: 'cached' }
  | { readonly kind: 'runs'; readonly because: MissReason }
  | { readonly kind: 'unknown'; readonly waitsFor: readonly OpId[] };

/** Asks the cache about every op. Runs nothing. Same index as the ops. */
export async function foreseeOps(
  graph: OpGraph,
  solver: Solver,
  signal: AbortSignal,
): Promise<readonly Forecast[]> {
  const outlooks: Outlook[] = [];
  for (const index of graph.ops.keys()) {
    outlooks.push(await outlookOf(index as OpId, graph, { outlooks, solver }, signal));
  }
  const needed = neededOps(graph, outlooks);
  return outlooks.map((outlook, id) => ({ ...outlook, isNeeded: needed.has(id as OpId) }));
}

async function outlookOf(
  id: OpId,
  graph: OpGraph,
  known: { readonly outlooks: readonly Outlook[]; readonly solver: Solver },
  signal: AbortSignal,
): Promise<Outlook> {
  const op = graph.ops[id];
  // A build context is read as it is.
  if (op === undefined || isContext(graph, id)) return { kind: 'cached' };
  const because = await known.solver.missOf(id, signal);
  if (because === undefined) return { kind: 'cached' };
  if (because.kind === 'no-cache') return { kind: 'runs', because };
  const waitsFor = inputUses(op)
    .filter(({ kind, from }) => {
      const input = known.outlooks[from]?.kind;
      // What reads files of an op is known by those files, what stands on it by its key.
      return kind === 'files' ? input !== 'cached' : input === 'unknown';
    })
    .map(({ from }) => from);
  return waitsFor.length === 0
    ? { kind: 'runs', because }
    : { kind: 'unknown', waitsFor: [...new Set(waitsFor)] };
}

/** From the targets down; what stands behind a cached op is not asked for. */
function neededOps(graph: OpGraph, outlooks: readonly Outlook[]): ReadonlySet<OpId> {
  const needed = new Set<OpId>();
  const waiting = graph.targets.flatMap(({ root }) => root ?? []);
  for (let id = waiting.pop(); id !== undefined; id = waiting.pop()) {
    const op = graph.ops[id];
    if (op === undefined || needed.has(id)) continue;
    needed.add(id);
    if (outlooks[id]?.kind !== 'cached') waiting.push(...inputsOf(op));
  }
  return needed;
}

function isContext(graph: OpGraph, id: OpId): boolean {
  const op = graph.ops[id];
  return op?.kind === 'source' && op.source.type === 'local';
}
