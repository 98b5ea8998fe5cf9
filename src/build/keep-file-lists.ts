import type { CacheStore } from '../cache/cache-store.ts';
import type { DiskCacheStore } from '../cache/disk-cache-store.ts';
import type { FileLists } from './describe-changes.ts';

/** A cache whose new results bring along what their files were, and those lists. */
export interface FileListKeeper extends FileLists {
  readonly cache: CacheStore;
  /** Notes the pieces of the text that `hash` was made of. */
  note(hash: string, pieces: readonly string[]): void;
}

/** Lists of files are written only with a result that is new: an unchanged build writes none. */
export function keepFileLists(store: DiskCacheStore): FileListKeeper {
  const noted = new Map<string, readonly string[]>();
  return {
    cache: {
      get: (key) => store.get(key),
      recent: (slot) => store.recent(slot),
      lock: (key, signal) => store.lock(key, signal),
      put(record) {
        for (const hash of Object.values(record.parts)) {
          const pieces = noted.get(hash);
          if (pieces === undefined) continue;
          store.putFileList(hash, pieces);
          noted.delete(hash);
        }
        store.put(record);
      },
    },
    note: (hash, pieces) => void noted.set(hash, pieces),
    fileList: (hash) => noted.get(hash)?.join('') ?? store.fileList(hash),
  };
}
