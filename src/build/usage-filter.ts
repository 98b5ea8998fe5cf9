import type { UsageItem, UsageKind } from './store-usage.ts';

/** Which things in the store are meant. All that is given has to hold. */
export interface UsageFilter {
  /** Milliseconds since 1970: only what was last used before. */
  readonly usedBefore?: number | undefined;
  /** Any of these kinds; all where it is left out. */
  readonly kinds?: ReadonlySet<UsageKind> | undefined;
  /** Beginnings of ids, without `sha256:`; any of them. */
  readonly ids?: readonly string[] | undefined;
  /** What an image or a container needs, or what none does. */
  readonly isNeeded?: boolean | undefined;
  /** What several images have as a part, or what not. */
  readonly isShared?: boolean | undefined;
}

/** True when the filter means the item. */
export function isMeant(item: UsageItem, filter: UsageFilter): boolean {
  const { usedBefore, kinds, ids, isNeeded, isShared } = filter;
  const id = item.id.replace(/^sha256:/, '');
  return (
    (usedBefore === undefined || item.lastUsed < usedBefore) &&
    (kinds === undefined || kinds.has(item.kind)) &&
    (ids === undefined || ids.some((start) => id.startsWith(start))) &&
    (isNeeded === undefined || item.isNeeded === isNeeded) &&
    (isShared === undefined || item.imageCount > 1 === isShared)
  );
}
