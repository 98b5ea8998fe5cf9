import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { createBreather } from '../core/breathe.ts';

/** A tree of files, summed up. */
export interface DirectoryMeasure {
  /** That its files take on the disk. A file with several names in it counts once. */
  readonly bytes: number;
  /** The latest change of any of them, milliseconds since 1970. */
  readonly lastUsed: number;
}

const BLOCK_BYTES = 512;

/** Sums up what is below `root`, without following symlinks. What vanishes meanwhile counts as nothing. */
export async function measureDirectory(
  root: string,
  signal: AbortSignal,
): Promise<DirectoryMeasure> {
  const breather = createBreather(signal);
  const seen = new Set<string>();
  // Names need not be UTF-8, so they are bytes, and latin1 keeps each as one character.
  const pending = [Buffer.from(root).toString('latin1')];
  let bytes = 0;
  let lastUsed = 0;
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    if (breather.isDue()) await breather.breathe();
    const host = Buffer.from(path, 'latin1');
    const stat = lstatSync(host, { throwIfNoEntry: false });
    if (stat === undefined) continue;
    lastUsed = Math.max(lastUsed, stat.ctimeMs);
    const identity = `${String(stat.dev)}:${String(stat.ino)}`;
    if (stat.nlink < 2 || stat.isDirectory() || !seen.has(identity))
      bytes += stat.blocks * BLOCK_BYTES;
    seen.add(identity);
    if (!stat.isDirectory()) continue;
    for (const name of readdirSync(host, 'latin1')) pending.push(join(path, name));
  }
  return { bytes, lastUsed };
}
