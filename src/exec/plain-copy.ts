import { fstatSync, unlinkSync } from 'node:fs';
import { fsPath, type BytePath } from '../core/bytes.ts';
import type { BatchWork } from '../host/batch-pool.ts';
import { hasCode } from '../host/sys.ts';
import type { FileState } from '../tree/file-tree.ts';
import { isSameFile } from '../tree/hash-cache.ts';
import { nodeOf } from '../tree/node.ts';
import { copyFile, type OpenCopy } from './file-content.ts';
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
 * Inode of a copy that is like its source was when it was listed. 0 stands for one whose digest may be
 * another than its source's: attributes are part of it, and not all of them can be set everywhere.
 */
export type CopiedInode = number;

/**
 * Copies of regular files, for a pool of threads. The result is undefined when the source was not in the
 * given state all the while: other bytes may have been copied than those that were hashed.
 * @throws BuildError CONTEXT_CHANGED, FILE_UNREADABLE, OWNER_NOT_MAPPED
 */
export const PLAIN_COPIES: BatchWork<PlainCopy, CopiedInode | undefined> = {
  program: 'exec/copy-worker',
  bytesOf: ({ source }) => source.size,
  run(copy) {
    const { source, to, toPath } = copy;
    let inode: CopiedInode | undefined;
    const finish = ({ from, to: toFd, before }: OpenCopy): void => {
      const after = fstatSync(from, { bigint: true });
      const isAsListed = [before, after].every((stats) =>
        isSameFile(nodeOf(stats, source.hostPath, source.path), source),
      );
      const pair = { from, fromHostPath: source.hostPath, to: toFd, toHostPath: to };
      const made = setOpenMetadata(pair, toPath, copy, source.mtimeNs);
      if (isAsListed) inode = made.hasXattrs ? 0 : made.inode;
    };
    // Set-id bits come last: writing takes them away.
    copyFile(source, to, finish, copy.mode & 0o777);
    return inode;
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
