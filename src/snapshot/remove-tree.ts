import { rmSync } from 'node:fs';
import { hasCode } from '../host/sys.ts';

/** Removes a file or tree that others may be removing at the same time; what they leave, the next sweep takes. */
export function removeTree(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch (error) {
    if (!hasCode(error, 'ENOENT', 'ENOTEMPTY')) throw error;
  }
}
