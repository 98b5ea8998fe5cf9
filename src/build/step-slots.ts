import type { OpGraph } from '../ops/op-graph.ts';
import type { OpId } from '../ops/op.ts';

/** Names of steps that stay the same in the next build of the same Dockerfile. */
export interface StepSlots {
  /** The same step of the same stage, also when steps of other kinds were added before it. */
  of(id: OpId): string;
  /** Slots of steps of the same kind and stage around it, nearest first. */
  near(id: OpId): Iterable<string>;
}

/** As far as one step may have moved in its stage to be still found. */
const MAX_DISTANCE = 4;

/** `dockerfileId` tells Dockerfiles apart. Counts once, as graphs may have thousands of steps. */
export function stepSlots(graph: OpGraph, dockerfileId: string): StepSlots {
  const counts = new Map<string, number>();
  const places = graph.ops.map(({ kind }, i) => {
    const group = `${dockerfileId}\0${graph.metadata[i]?.stage ?? ''}\0${kind}`;
    const number = counts.get(group) ?? 0;
    counts.set(group, number + 1);
    return { group, number };
  });
  const nameOf = (group: string, number: number): string => `${group}\0${String(number)}`;
  const placeOf = (id: OpId): { group: string; number: number } => {
    const place = places[id];
    if (place === undefined) throw new RangeError(`No op ${String(id)}`);
    return place;
  };
  return {
    of(id) {
      const { group, number } = placeOf(id);
      return nameOf(group, number);
    },
    *near(id) {
      const { group, number } = placeOf(id);
      for (let distance = 1; distance <= MAX_DISTANCE; distance++) {
        if (number >= distance) yield nameOf(group, number - distance);
        yield nameOf(group, number + distance);
      }
    },
  };
}
