import { createHash } from 'node:crypto';
import { closeSync, fstatSync, readSync } from 'node:fs';
import { hasCode } from '../host/sys.ts';
import { contextChanged } from './errors.ts';
import type { TreeNode } from './file-tree.ts';
import { isSameFile } from './hash-cache.ts';
import { nodeOf } from './node.ts';
import { openContent } from './open-content.ts';

/** A file that is being written is read again this often before the build gives up. */
const MAX_ATTEMPTS = 3;

const READ_BYTES = 1 << 20;
let buffer: Buffer | undefined;

/** What was read, and the state of the file that it belongs to. */
export interface FileDigest {
  readonly node: TreeNode;
  /** SHA-256 of the content, 32 bytes. */
  readonly digest: Buffer;
}

/**
 * Reads a regular file and makes sure that it did not change meanwhile.
 *
 * @throws BuildError CONTEXT_CHANGED when it never holds still, is gone or is no regular file any more
 * @throws BuildError FILE_UNREADABLE when this process may not read it
 */
export function digestFile(node: TreeNode): FileDigest {
  let before = node;
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const fd = openContent(node);
    try {
      const digest = digestOpen(fd, before.size);
      const after = nodeOf(fstatSync(fd, { bigint: true }), node.hostPath, node.path);
      if (after.type !== 'file') throw contextChanged(node.path);
      if (isSameFile(before, after)) return { node: after, digest };
      before = after;
    } catch (error) {
      // What a read of a directory or a pipe says, if that is what is there now.
      if (hasCode(error, 'EISDIR', 'EAGAIN', 'EINVAL')) throw contextChanged(node.path);
      throw error;
    } finally {
      closeSync(fd);
    }
  }
  throw contextChanged(node.path);
}

/** Stops at `size`, as one more read of every small file would only say that this was the end. */
function digestOpen(fd: number, size: number): Buffer {
  buffer ??= Buffer.allocUnsafeSlow(READ_BYTES);
  const hash = createHash('sha256');
  for (let total = 0; total < size;) {
    const length = readSync(fd, buffer, 0, buffer.length, null);
    if (length === 0) break;
    hash.update(length === buffer.length ? buffer : buffer.subarray(0, length));
    total += length;
  }
  return hash.digest();
}
