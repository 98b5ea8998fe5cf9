import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { namesIn } from '../host/list-names.ts';
import { hasCode, syncfs } from '../host/sys.ts';
import type { SnapshotId } from './snapshotter.ts';

/**
 * Which snapshots may be lost to a power failure. Waiting for the disk at each one would cost more than
 * most steps, so a build waits once, at its end:
 *
 *   unsynced/<boot id>/<id>   an empty file, made before the snapshot is frozen, removed after the
 *                             file system was synced
 *
 * After a restart, snapshots that are listed under another boot are not trusted: their names may be on
 * the disk and their contents not. A process that dies loses nothing, as the kernel still has it all.
 */
export interface SyncJournal {
  /** Call before freezing: the file system keeps the order of the two. */
  note(id: SnapshotId): void;
  /** Waits until everything noted so far is on the disk. */
  flush(): Promise<void>;
}

/**
 * `discard` is called for each snapshot of an earlier boot that was never synced. Nothing is made before
 * something is noted: after a restart, a store on a full disk can be opened.
 */
export function openSyncJournal(dir: string, discard: (id: SnapshotId) => void): SyncJournal {
  const root = join(dir, 'unsynced');
  const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
  const own = join(root, boot);
  for (const name of namesIn(root)) {
    if (name === boot) continue;
    for (const id of readdirSync(join(root, name))) discard(id as SnapshotId);
    rmSync(join(root, name), { recursive: true, force: true });
  }
  return {
    note(id) {
      if (!existsSync(own)) mkdirSync(own, { recursive: true, mode: 0o700 });
      writeFileSync(join(own, id), '');
    },
    async flush() {
      const noted = namesIn(own);
      if (noted.length === 0) return;
      const fd = openSync(dir, 'r');
      try {
        await syncfs(fd);
      } finally {
        closeSync(fd);
      }
      for (const id of noted) removeNote(join(own, id));
    },
  };
}

/** Another process may have flushed at the same time. */
function removeNote(path: string): void {
  try {
    unlinkSync(path);
  } catch (error) {
    if (!hasCode(error, 'ENOENT')) throw error;
  }
}
