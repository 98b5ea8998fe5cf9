import type { CacheStore } from '../cache/cache-store.ts';
import type { SnapshotId } from '../snapshot/snapshotter.ts';
import type { ImportedCaches } from './import-caches.ts';
import type { Store } from './open-store.ts';

/** The cache of the store with what was imported behind it: results of this store go first. */
export function withImports(own: CacheStore, store: Store, imports: ImportedCaches): CacheStore {
  return {
    get(key) {
      const record = own.get(key);
      const isHere =
        record !== undefined &&
        (record.snapshot === undefined ||
          store.snapshots.get(record.snapshot as SnapshotId) !== undefined);
      return isHere ? record : (imports.find(key) ?? record);
    },
    put: (record) => own.put(record),
    recent: (slot) => own.recent(slot),
    lock: (key, signal) => own.lock(key, signal),
  };
}
