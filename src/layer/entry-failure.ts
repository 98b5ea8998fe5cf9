import { bytesToText } from '../core/bytes.ts';
import type { BuildError } from '../diagnostics/build-error.ts';
import { diskError, freeBytes } from '../host/disk-error.ts';
import { hasCode } from '../host/sys.ts';
import type { Xattr } from '../tree/xattrs.ts';
import { badLayerEntry } from './errors.ts';
import type { TarEntry } from './tar-entry.ts';

/** Less than this free, and a file system that refuses an attribute may just be full. */
const ROOM_FOR_XATTR_BYTES = 1024 * 1024;

/**
 * What a failed system call about an entry is to the user: the disk's fault, or the entry's. Anything
 * else comes back as it is. `root` is the directory that the layer is unpacked into.
 */
export function entryFailure(entry: TarEntry, root: string, cause: unknown): unknown {
  const disk = diskError(root, cause);
  if (disk !== undefined) return disk;
  if (!(cause instanceof Error && 'code' in cause && 'syscall' in cause)) return cause;
  const found = REASONS[String(cause.code)];
  if (found === undefined) return cause;
  return badLayerEntry(bytesToText(entry.name), `${found} (${String(cause.code)})`, cause);
}

/** An attribute that was not set; undefined when the disk is to blame. */
export function attributeFailure(
  entry: TarEntry,
  { name, value }: Xattr,
  root: string,
  cause: unknown,
): BuildError | undefined {
  if (!hasCode(cause, 'ENOSPC', 'ERANGE', 'E2BIG', 'EINVAL')) return undefined;
  // ext4 has one block for all attributes of a file, and calls that full too.
  const isDiskFull = hasCode(cause, 'ENOSPC') && (freeBytes(root) ?? 0) < ROOM_FOR_XATTR_BYTES;
  if (isDiskFull) return undefined;
  const shown = bytesToText(name.slice(0, MAX_SHOWN_CHARS) as TarEntry['name']);
  return badLayerEntry(
    bytesToText(entry.name),
    `the file system does not take its attribute "${shown}" of ${value.length} bytes`,
    cause,
  );
}

const MAX_SHOWN_CHARS = 80;

const REASONS: Readonly<Record<string, string>> = {
  ENAMETOOLONG: 'a name in it, or its link target, is too long for the file system',
  EINVAL: 'the system does not take one of its values',
  EPERM: 'this user may not make it',
  EACCES: 'this user may not make it',
  EMLINK: 'its file has too many hard links',
  EFBIG: 'it is too large for the file system',
  EOVERFLOW: 'one of its values is too large for the file system',
  EILSEQ: 'the file system does not take its name',
  ELOOP: 'it leads through too many links',
  ENOTDIR: 'a part of its path is not a directory',
  EISDIR: 'there is a directory in its place',
};
