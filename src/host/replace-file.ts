import { randomBytes } from 'node:crypto';
import { chmodSync, renameSync, writeFileSync } from 'node:fs';

/** Mode of files that only their owner may read. */
const PRIVATE_FILE = 0o600;

/**
 * Replaces a small file in one step, without waiting for the disk: readers see the old text or the new
 * one, but a power failure may leave it empty. Only for what can be made again; everything else goes
 * through `writeFileAtomic`.
 */
export function replaceFile(
  path: string,
  text: string | Uint8Array,
  mode: number = PRIVATE_FILE,
): void {
  const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
  writeFileSync(temporary, text, { mode: PRIVATE_FILE, flag: 'wx' });
  // Whatever the umask is.
  if (mode !== PRIVATE_FILE) chmodSync(temporary, mode);
  renameSync(temporary, path);
}
