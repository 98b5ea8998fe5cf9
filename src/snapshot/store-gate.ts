import { closeSync, constants, openSync } from 'node:fs';
import { join } from 'node:path';
import { flock } from '../host/sys.ts';

/**
 * Keeps removal apart from the moment in which a snapshot gets a child, between all processes that
 * share a store: a kernel lock on one file, held only while a few names are read and renamed.
 */
export interface StoreGate {
  /** Many may be inside at once, but none while somebody `removes`. */
  enter<T>(work: () => T): T;
  /** Alone inside. */
  remove<T>(work: () => T): T;
}

/** The gate of the store at `dir`. Holds nothing open. */
export function openStoreGate(dir: string): StoreGate {
  const path = join(dir, 'gate.lock');
  const { O_CREAT, O_NOFOLLOW, O_RDWR } = constants;
  const locked = <T>(type: 'shared' | 'exclusive', work: () => T): T => {
    const fd = openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o600);
    try {
      flock(fd, { type, wait: true });
      return work();
    } finally {
      closeSync(fd);
    }
  };
  return {
    enter: (work) => locked('shared', work),
    remove: (work) => locked('exclusive', work),
  };
}
