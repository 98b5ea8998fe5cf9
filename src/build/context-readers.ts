import type { OpGraph } from '../ops/op-graph.ts';
import { inputsOf, type OpId } from '../ops/op.ts';

/** Follows which steps of a build still have to read its contexts. */
export interface ContextReaders {
  /** Call before a step runs: by then, others may have been found in the cache. */
  look(): void;
  /** Call when a step that ran has read what it wanted. */
  finished(id: OpId): void;
}

/**
 * Calls `release` with the name of a context, once, as soon as no step has to read it any more: what is known of
 * its files takes more memory than anything else in a build of many files, and later steps need it no more.
 * `isSolved` tells of a step whether its result is known, so that it will not run.
 */
export function followContextReaders(
  graph: OpGraph,
  isSolved: (id: OpId) => boolean,
  release: (name: string) => void,
): ContextReaders {
  const readers = new Map<string, Set<OpId>>();
  for (const index of graph.ops.keys()) {
    for (const name of contextsOf(graph, index as OpId)) {
      const ids = readers.get(name) ?? new Set();
      readers.set(name, ids.add(index as OpId));
    }
  }
  const look = (): void => {
    for (const [name, ids] of readers) {
      if (![...ids].every(isSolved)) continue;
      readers.delete(name);
      release(name);
    }
  };
  return {
    look,
    finished(id) {
      for (const ids of readers.values()) ids.delete(id);
      look();
    },
  };
}

function contextsOf(graph: OpGraph, id: OpId): ReadonlySet<string> {
  const names = new Set<string>();
  const op = graph.ops[id];
  for (const input of op === undefined ? [] : inputsOf(op)) {
    const from = graph.ops[input];
    if (from?.kind === 'source' && from.source.type === 'local') names.add(from.source.name);
  }
  return names;
}
