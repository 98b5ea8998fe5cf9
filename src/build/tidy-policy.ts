import { statfsSync } from 'node:fs';
import { join } from 'node:path';
import { tryLock } from '../host/lock.ts';
import type { Store } from './open-store.ts';
import { pruneStore, type PruneResult } from './prune-store.ts';

/** How the store keeps within its bounds by itself. */
export interface TidyPolicy {
  readonly isEnabled: boolean;
  /** Bytes that the store may take, images included; undefined is the default for its disk. */
  readonly maxBytes: number | undefined;
}

/** What a store may take of its disk when nobody says. */
const DEFAULT_SHARE = 0.2;
/** On a small disk a store may take that much all the same. */
const DEFAULT_MIN_BYTES = 10e9;
/** What was of use so shortly ago stays: the next build wants it. */
const SPARED_MS = 60 * 60 * 1000;
/** Of a context that was not built for so long, the files are read again when it is. */
const CONTEXT_MS = 30 * 24 * 60 * 60 * 1000;

/** The default bound for the disk that `root` is on, in bytes. */
function defaultMaxBytes(root: string): number {
  const { blocks, bsize } = statfsSync(root);
  return Math.max(DEFAULT_MIN_BYTES, Math.floor(blocks * bsize * DEFAULT_SHARE));
}

/**
 * Removes what was of use longest ago until the store is within its bound, and what is known of contexts that
 * are gone or were not used for a month. Images stay. Does nothing when
 * somebody else removes things just now: undefined.
 */
export async function tidyStore(
  store: Store,
  policy: TidyPolicy,
  now: number,
  signal: AbortSignal,
): Promise<PruneResult | undefined> {
  const lock = tryLock(join(store.root, 'locks', 'prune'), 'exclusive');
  if (lock === undefined) return undefined;
  await using _lock = lock;
  return await pruneStore(
    store,
    {
      images: 'none',
      filter: { usedBefore: now - SPARED_MS },
      keepBytes: 0,
      maxBytes: policy.maxBytes ?? defaultMaxBytes(store.root),
      contextsUsedBefore: now - CONTEXT_MS,
    },
    signal,
  );
}
