import { readFileSync } from 'node:fs';
import { isSnapshotId } from './active-slots.ts';
import type { CommittedSnapshot, SnapshotId } from './snapshotter.ts';

/** The record of a committed snapshot at `path`; undefined when there is none that can be read. */
export function readRecord(
  path: string,
  id: SnapshotId,
  dir: string,
): CommittedSnapshot | undefined {
  if (!isSnapshotId(id)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    return undefined;
  }
  if (typeof value !== 'object' || value === null) return undefined;
  const { parent, bytes, entries, isEmpty } = value as Partial<Record<string, unknown>>;
  if (typeof bytes !== 'number' || typeof entries !== 'number') return undefined;
  if (typeof isEmpty !== 'boolean') return undefined;
  if (parent !== undefined && !(typeof parent === 'string' && isSnapshotId(parent)))
    return undefined;
  return { id, parent, bytes, entries, isEmpty, dir };
}
