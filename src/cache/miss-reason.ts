import type { KeyChange } from '../events/event.ts';
import { explainMiss, type KeyParts } from './cache-key.ts';
import type { CacheRecord } from './cache-store.ts';

/** Why there is no result, and the former one that is nearest to the wanted one. */
export type FoundReason =
  | { readonly kind: 'never-built' }
  | { readonly kind: 'removed' }
  | {
      readonly kind: 'changed';
      readonly former: CacheRecord;
      readonly changes: readonly KeyChange[];
    };

/** Another instruction is further away than the same one with other inputs. */
const OWN_PART_WEIGHT = 100;

/**
 * Says why there is no result under `wanted`, from the nearest former one. `places` are where to look,
 * the step's own first; the others are asked only while no result of the same instruction was found.
 */
export function missReason(
  places: Iterable<() => readonly CacheRecord[]>,
  wanted: KeyParts,
): FoundReason {
  let best: { former: CacheRecord; changes: readonly KeyChange[]; distance: number } | undefined;
  for (const recordsOf of places) {
    for (const former of recordsOf()) {
      const changes = explainMiss(former.parts, wanted);
      if (changes.length === 0) return { kind: 'removed' };
      const distance = distanceOf(changes);
      if (best === undefined || distance < best.distance) best = { former, changes, distance };
    }
    if (best !== undefined && best.distance < OWN_PART_WEIGHT) break;
  }
  if (best === undefined) return { kind: 'never-built' };
  return { kind: 'changed', former: best.former, changes: best.changes };
}

function distanceOf(changes: readonly KeyChange[]): number {
  return changes.reduce((sum, { part }) => sum + (isInput(part) ? 1 : OWN_PART_WEIGHT), 0);
}

/** True for what comes from outside of the instruction: other steps, files, variables, the base image. */
function isInput(part: string): boolean {
  return / (?:from|files)$/.test(part) || /^(?:env |environment order$|manifest$)/.test(part);
}
