import { canonicalJson, type Json } from '../core/canonical-json.ts';
import type { Op, OpId, OpMetadata } from './op.ts';

/** Collects ops; equal ones become one, also across stages and platforms. */
export interface OpBuilder {
  /** The id of `op`. The first to add an op names it; one that ignores the cache does so for all. */
  add(op: Op, metadata: OpMetadata): OpId;
  finish(): { readonly ops: readonly Op[]; readonly metadata: readonly OpMetadata[] };
}

export function createOpBuilder(): OpBuilder {
  const ops: Op[] = [];
  const metadata: OpMetadata[] = [];
  const ids = new Map<string, OpId>();
  return {
    add(op, about) {
      const identity = canonicalJson(op as unknown as Json);
      const known = ids.get(identity);
      const first = known === undefined ? undefined : metadata[known];
      if (known !== undefined && first !== undefined) {
        if (about.ignoresCache && !first.ignoresCache) {
          metadata[known] = { ...first, ignoresCache: true };
        }
        return known;
      }
      const id = ops.length as OpId;
      ids.set(identity, id);
      ops.push(op);
      metadata.push(about);
      return id;
    },
    finish: () => ({ ops, metadata }),
  };
}
