import { randomBytes } from 'node:crypto';
import { renameSync, writeFileSync } from 'node:fs';

/**
 * Replaces a small file in one step, without waiting for the disk: readers see the old text or the new
 * one, but a power failure may leave it empty. Only for what can be made again; everything else goes
 * through `writeFileAtomic`.
 */
export function replaceFile(path: string, text: string): void {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  writeFileSync(temporary, text, { mode: 0o600, flag: 'wx' });
  renameSync(temporary, path);
}
