import type { CacheKey } from '../cache/cache-key.ts';
import type { CacheRecord, CacheStore } from '../cache/cache-store.ts';

/** A CacheStore in memory, with a lock that really excludes. */
export function memoryCacheStore(): CacheStore & { readonly records: Map<CacheKey, CacheRecord> } {
  const records = new Map<CacheKey, CacheRecord>();
  const slots = new Map<string, readonly CacheKey[]>();
  const held = new Map<CacheKey, Promise<void>>();
  return {
    records,
    get: (key) => records.get(key),
    put(record) {
      records.set(record.key, record);
      slots.set(record.slot, [record.key, ...(slots.get(record.slot) ?? [])]);
    },
    recent: (slot) => (slots.get(slot) ?? []).flatMap((key) => records.get(key) ?? []),
    async lock(key) {
      while (held.has(key)) await held.get(key);
      let release = (): void => undefined;
      held.set(
        key,
        new Promise((resolve) => {
          release = () => {
            held.delete(key);
            resolve();
          };
        }),
      );
      return {
        [Symbol.asyncDispose]() {
          release();
          return Promise.resolve();
        },
      };
    },
  };
}
