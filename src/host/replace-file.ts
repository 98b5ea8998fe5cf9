import { chmodSync, closeSync, openSync, renameSync } from 'node:fs';
import { randomHex } from '../core/random-name.ts';
import { unlinkIfThere, writeAll } from './atomic-file.ts';

/** Mode of files that only their owner may read. */
const PRIVATE_FILE = 0o600;

/** What a file is to hold; in pieces where it would be much memory at once. Text is UTF-8. */
export type FileContent = string | Uint8Array | Iterable<Uint8Array>;

/**
 * Replaces a file in one step, without waiting for the disk: readers see the old content or the new
 * one, but a power failure may leave it empty. Only for what can be made again; everything else goes
 * through `writeFileAtomic`.
 */
export function replaceFile(path: string, content: FileContent, mode: number = PRIVATE_FILE): void {
  const temporary = `${path}.${randomHex(12)}.tmp`;
  const fd = openSync(temporary, 'wx', PRIVATE_FILE);
  try {
    try {
      for (const piece of piecesOf(content)) writeAll(fd, piece);
    } finally {
      closeSync(fd);
    }
    // Whatever the umask is.
    if (mode !== PRIVATE_FILE) chmodSync(temporary, mode);
    renameSync(temporary, path);
  } catch (error) {
    unlinkIfThere(temporary);
    throw error;
  }
}

function piecesOf(content: FileContent): Iterable<Uint8Array> {
  if (typeof content === 'string') return [Buffer.from(content)];
  return content instanceof Uint8Array ? [content] : content;
}
