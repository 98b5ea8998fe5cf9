import { createHash } from 'node:crypto';
import { closeSync, fstatSync, readSync } from 'node:fs';
import type { BatchWork } from '../host/batch-pool.ts';
import { hasCode } from '../host/sys.ts';
import { hasXattrs } from '../host/xattr.ts';
import { contextChanged } from './errors.ts';
import type { FileState, TreeNode } from './file-tree.ts';
import { isSameFile } from './hash-cache.ts';
import { nodeOf } from './node.ts';
import { openContent } from './open-content.ts';
import { readXattrs, type Xattr } from './xattrs.ts';

/** A file that is being written is read again this often before the build gives up. */
const MAX_ATTEMPTS = 3;

const READ_BYTES = 1 << 20;
let buffer: Buffer | undefined;

/** The state of the file that a node describes. */
export function fileState(node: TreeNode): FileState {
  const { path, hostPath, dev, ino, size, mtimeNs, ctimeNs } = node;
  return { path, hostPath, dev, ino, size, mtimeNs, ctimeNs };
}

/** The digest of a file's content and attributes. */
export interface ContentDigest {
  /** 32 bytes, one char each. */
  readonly digest: string;
  /** What it is the digest of, where that is no longer the state that was asked about. */
  readonly newer: FileState | undefined;
}

/** Digests of regular files, for a pool of threads. @throws BuildError as `digestFile` */
export const FILE_DIGESTS: BatchWork<FileState, ContentDigest> = {
  program: 'tree/digest-worker',
  bytesOf: ({ size }) => size,
  run(file) {
    const { node, digest, hasXattrs } = digestFile(file);
    const newer = isSameFile(node, file) ? undefined : fileState(node);
    const xattrs = hasXattrs ? readXattrs(file.hostPath) : [];
    return { digest: withXattrs(digest, xattrs).toString('latin1'), newer };
  },
  rerun: (file) => FILE_DIGESTS.run(file),
};

/** Digest of a content with these attributes: the content's own where there are none. */
export function withXattrs(content: Buffer, xattrs: readonly Xattr[]): Buffer {
  if (xattrs.length === 0) return content;
  // Another hash function, as a file could hold just these bytes.
  const hash = createHash('sha512-256').update(content);
  for (const { name, value } of xattrs) {
    hash.update(`${name.length}:${name} ${value.length}:`, 'latin1').update(value);
  }
  return hash.digest();
}

/** What was read, and the state of the file that it belongs to. */
export interface FileDigest {
  readonly node: TreeNode;
  /** SHA-256 of the content, 32 bytes. */
  readonly digest: Buffer;
  readonly hasXattrs: boolean;
}

/**
 * Reads a regular file and makes sure that it did not change meanwhile.
 *
 * @throws BuildError CONTEXT_CHANGED when it never holds still, is gone or is no regular file any more
 * @throws BuildError FILE_UNREADABLE when this process may not read it
 */
export function digestFile(node: FileState): FileDigest {
  let before = node;
  for (let attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
    const fd = openContent(node);
    try {
      const digest = digestOpen(fd, before.size);
      const after = nodeOf(fstatSync(fd, { bigint: true }), node.hostPath, node.path);
      if (after.type !== 'file') throw contextChanged(node.path);
      if (isSameFile(before, after)) return { node: after, digest, hasXattrs: hasXattrs(fd) };
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
