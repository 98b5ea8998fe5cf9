import type { BytePath } from '../core/bytes.ts';
import { compareLayers, isSameContent, type LayerDifference } from '../layer/compare-layers.ts';
import type { OpGraph } from '../ops/op-graph.ts';
import { inputsOf, type OpId } from '../ops/op.ts';
import type { CommittedSnapshot } from '../snapshot/snapshotter.ts';

/** The same step of two builds: what each of them made. */
export interface StepResults {
  readonly first: CommittedSnapshot;
  readonly second: CommittedSnapshot;
}

/** What tracing needs to know of two builds. */
export interface TraceDeps {
  readonly graph: OpGraph;
  /** Undefined for a step that made nothing, or did not run in both builds. */
  resultsOf(op: OpId): StepResults | undefined;
  /** Latest time of files, in seconds since 1970. */
  readonly epoch: number | undefined;
}

/** Where a difference comes from. */
export interface TracedDifference {
  /** The step that made it. */
  readonly op: OpId;
  /** The first step before that one that had made something else, where it only passed that on. */
  readonly earlier: { readonly op: OpId; readonly path: BytePath } | undefined;
}

/**
 * Finds the step that made a difference in the layer of `op`. A file that was copied from another stage
 * is followed to the step that wrote it, under whatever name.
 */
export async function traceDifference(
  op: OpId,
  found: LayerDifference,
  deps: TraceDeps,
  signal: AbortSignal,
): Promise<TracedDifference> {
  let earlier: TracedDifference['earlier'];
  for (const before of ancestorsOf(op, deps.graph)) {
    const results = deps.resultsOf(before);
    if (results === undefined) continue;
    const { first, second } = results;
    const all = await compareLayers(first.dir, second.dir, deps.epoch, signal);
    const grave = all.filter(({ difference }) => difference.aspect !== 'time');
    for (const each of grave) {
      if (await isSameDifference(each, found, signal)) return { op: before, earlier: undefined };
    }
    const [one] = grave;
    if (one !== undefined) earlier ??= { op: before, path: one.path };
  }
  return { op, earlier };
}

/** What `op` is built on and reads from, in the order in which it is built. */
function ancestorsOf(op: OpId, graph: OpGraph): OpId[] {
  const found = new Set<OpId>();
  const waiting = [op];
  for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
    const node = graph.ops[next];
    for (const input of node === undefined ? [] : inputsOf(node)) {
      if (found.has(input)) continue;
      found.add(input);
      waiting.push(input);
    }
  }
  return [...found].sort((a, b) => a - b);
}

/** The same thing seen in another place: content by its bytes, all else by the name of the file. */
async function isSameDifference(
  one: LayerDifference,
  other: LayerDifference,
  signal: AbortSignal,
): Promise<boolean> {
  const [a, b] = [one.difference, other.difference];
  if (a.aspect !== b.aspect || a.first !== b.first || a.second !== b.second) return false;
  if (a.offset !== b.offset) return false;
  if (one.first === undefined || other.first === undefined) {
    return nameOf(one.path) === nameOf(other.path);
  }
  return isSameContent(one.first, other.first, signal);
}

function nameOf(path: BytePath): string {
  return path.slice(path.lastIndexOf('/') + 1);
}
