import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { hasCode } from '../host/sys.ts';
import { removeTree } from './remove-tree.ts';
import type { Floor } from './snapshotter.ts';

/**
 * The directory of `floor` below `base`, as a path from there. The first who needs it makes it, and it stays
 * with the store: `floors/<name>`.
 */
export function floorDirectory(base: string, { name, fill }: Floor): string {
  const relative = `floors/${name}`;
  const path = join(base, relative);
  if (existsSync(path)) return relative;
  // Others may be making it, too. One is as good as the other, and whole or not there.
  const made = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  mkdirSync(made, { recursive: true, mode: 0o700 });
  try {
    fill(made);
    renameSync(made, path);
  } catch (error) {
    removeTree(made);
    if (!hasCode(error, 'ENOTEMPTY', 'EEXIST')) throw error;
  }
  return relative;
}
