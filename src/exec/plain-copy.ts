import { fstatSync, unlinkSync } from 'node:fs';
import { fsPath, type BytePath } from '../core/bytes.ts';
import type { BatchWork } from '../host/batch-pool.ts';
import { hasCode } from '../host/sys.ts';
import type { FileState } from '../tree/file-tree.ts';
import { isSameFile } from '../tree/hash-cache.ts';
import { nodeOf } from '../tree/node.ts';
import { copyFile } from './file-content.ts';
import { setOpenMetadata, type Permissions } from './file-metadata.ts';

/** The copy of one regular file, as plain data that can be sent to another thread. */
export interface PlainCopy extends Permissions {
  /** The file as it was listed. */
  readonly source: FileState;
  /** Where it goes on the host, and its path in the image. Nothing is there yet. */
  readonly to: BytePath;
  readonly toPath: BytePath;
}

/**
 * Copies of regular files, for a pool of threads. The result is false when the source was not in the
 * given state all the while: other bytes may have been copied than those that were hashed.
 * @throws BuildError CONTEXT_CHANGED, FILE_UNREADABLE, OWNER_NOT_MAPPED
 */
export const PLAIN_COPIES: BatchWork<PlainCopy, boolean> = {
  program: 'exec/copy-worker',
  bytesOf: ({ source }) => source.size,
  run(copy) {
    const { source, to, toPath } = copy;
    let isAsListed = false;
    copyFile(source, to, ({ from, to: toFd, before }) => {
      const after = fstatSync(from, { bigint: true });
      isAsListed = [before, after].every((stats) =>
        isSameFile(nodeOf(stats, source.hostPath, source.path), source),
      );
      const pair = { from, fromHostPath: source.hostPath, to: toFd, toHostPath: to };
      setOpenMetadata(pair, toPath, copy, source.mtimeNs);
    });
    return isAsListed;
  },
  rerun(copy) {
    try {
      unlinkSync(fsPath(copy.to));
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error;
    }
    return PLAIN_COPIES.run(copy);
  },
};
