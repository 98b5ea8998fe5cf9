import { closeSync, constants, openSync, readdirSync, unlinkSync } from 'node:fs';
import { join } from 'node:path';
import { errnoOf } from '../host/atomic-file.ts';
import { flock } from '../host/sys.ts';

const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;

/** How names of unfinished blobs begin; the rest of `tmp/` belongs to others. */
export const TEMPORARY_PREFIX = 'blob-';

/**
 * Removes unfinished blobs whose writer is gone. A writer holds a kernel lock on its file for as long
 * as it lives, so a file whose lock is free has none. Files that cannot be looked at are left alone.
 */
export function sweepTemporaryFiles(temporaryDir: string): void {
  for (const name of readdirSync(temporaryDir)) {
    if (name.startsWith(TEMPORARY_PREFIX)) removeIfAbandoned(join(temporaryDir, name));
  }
}

function removeIfAbandoned(path: string): void {
  let fd: number;
  try {
    fd = openSync(path, O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch {
    return;
  }
  try {
    if (flock(fd, { type: 'exclusive', wait: false })) unlinkSync(path);
  } catch (cause) {
    if (errnoOf(cause) !== 'ENOENT') throw cause;
  } finally {
    closeSync(fd);
  }
}
