import { lstatSync, rmdirSync, rmSync, unlinkSync } from 'node:fs';
import type { Breather } from '../core/breathe.ts';
import { fsPath, textToBytes, type BytePath } from '../core/bytes.ts';
import { listEntries } from '../host/list-entries.ts';
import { hasCode } from '../host/sys.ts';

/** Removes a file or tree that others may be removing at the same time; what they leave, the next sweep takes. */
export function removeTree(path: string): void {
  try {
    rmSync(path, { recursive: true, force: true });
  } catch (error) {
    if (!hasCode(error, 'ENOENT', 'ENOTEMPTY')) throw error;
  }
}

/**
 * The same for trees of any size: other work of this process goes on meanwhile, and it can be aborted.
 * @throws the signal's reason; what is left then, the next call takes
 */
export async function removeSlowly(path: string, breather: Breather): Promise<void> {
  await removeBelow(textToBytes(path), breather);
}

async function removeBelow(path: BytePath, breather: Breather): Promise<void> {
  if (breather.isDue()) await breather.breathe();
  try {
    if (!lstatSync(fsPath(path)).isDirectory()) {
      unlinkSync(fsPath(path));
      return;
    }
    for (const entry of listEntries(path)) {
      const child = `${path}/${entry.name}` as BytePath;
      if (entry.isDirectory()) await removeBelow(child, breather);
      else unlinkSync(fsPath(child));
      if (breather.isDue()) await breather.breathe();
    }
    rmdirSync(fsPath(path));
  } catch (error) {
    if (!hasCode(error, 'ENOENT', 'ENOTEMPTY')) throw error;
  }
}
