import { unlinkSync } from 'node:fs';
import { fsPath, type BytePath } from '../core/bytes.ts';
import type { BatchWork } from '../host/batch-pool.ts';
import { hasCode } from '../host/sys.ts';
import { copyFile } from './file-content.ts';
import { setMetadata, type Permissions } from './file-metadata.ts';

/** The copy of one regular file, as plain data that can be sent to another thread. */
export interface PlainCopy extends Permissions {
  /** Where it is on the host, and what errors call it. */
  readonly from: BytePath;
  readonly fromPath: BytePath;
  /** Where it goes on the host, and its path in the image. Nothing is there yet. */
  readonly to: BytePath;
  readonly toPath: BytePath;
  /** Bytes, as far as is known. */
  readonly size: number;
  readonly mtimeNs: bigint;
}

/** Copies of regular files, for a pool of threads. @throws BuildError CONTEXT_CHANGED, FILE_UNREADABLE, OWNER_NOT_MAPPED */
export const PLAIN_COPIES: BatchWork<PlainCopy, void> = {
  program: 'exec/copy-worker',
  bytesOf: ({ size }) => size,
  run(copy) {
    const source = { hostPath: copy.from, path: copy.fromPath, mtimeNs: copy.mtimeNs };
    copyFile(source, copy.to);
    setMetadata(copy.to, copy.toPath, copy, { ...source, type: 'file' });
  },
  rerun(copy) {
    try {
      unlinkSync(fsPath(copy.to));
    } catch (error) {
      if (!hasCode(error, 'ENOENT')) throw error;
    }
    PLAIN_COPIES.run(copy);
  },
};
