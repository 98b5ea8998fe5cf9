import type { SnapshotId } from './snapshotter.ts';

/** Those of `ids` without children, and then those whose children came before. */
export function childrenFirst(
  ids: readonly SnapshotId[],
  children: ReadonlyMap<SnapshotId, readonly SnapshotId[]>,
): Set<SnapshotId> {
  const free = new Set<SnapshotId>();
  const wanted = new Set(ids.filter((id) => children.has(id)));
  const isFree = (id: SnapshotId): boolean =>
    children.get(id)?.every((child) => free.has(child)) === true;
  // Chains are as deep as images have layers, so a stack of our own.
  const pending = [...wanted];
  for (let id = pending.at(-1); id !== undefined; id = pending.at(-1)) {
    const open = wanted.delete(id)
      ? (children.get(id) ?? []).filter((child) => wanted.has(child))
      : [];
    if (open.length > 0) {
      pending.push(...open);
      continue;
    }
    pending.pop();
    if (isFree(id)) free.add(id);
  }
  return free;
}
