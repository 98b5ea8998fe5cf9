import { lstatSync, readdirSync } from 'node:fs';
import type { SnapshotInfo } from './snapshotter.ts';

/**
 * Counts what a directory in overlay upper form adds: entries with whiteouts, and bytes of files, a
 * hard-linked one once. Follows no link. About 4 us per entry.
 */
export function measureUpper(upper: string): SnapshotInfo {
  const linked = new Set<number>();
  const pending: Buffer[] = [Buffer.from(upper)];
  let bytes = 0;
  let entries = 0;
  for (let directory = pending.pop(); directory !== undefined; directory = pending.pop()) {
    for (const name of readdirSync(directory, { encoding: 'buffer' })) {
      const path = Buffer.concat([directory, SLASH, name]);
      const stat = lstatSync(path);
      entries++;
      if (stat.isDirectory()) pending.push(path);
      else if (stat.isFile()) {
        if (stat.nlink > 1 && linked.has(stat.ino)) continue;
        if (stat.nlink > 1) linked.add(stat.ino);
        bytes += stat.size;
      }
    }
  }
  return { bytes, entries, isEmpty: entries === 0 };
}

const SLASH = Buffer.from('/');
