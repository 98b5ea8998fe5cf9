import type { BytePath } from '../core/bytes.ts';
import type { Xattr } from '../tree/xattrs.ts';

/** One file of a tar archive, whatever the archive's dialect. */
export interface TarEntry {
  /** As it is in an archive that was read; without a slash at the end in one that is written. */
  readonly name: BytePath;
  readonly type: TarEntryType;
  /** Permission bits with setuid, setgid and sticky. */
  readonly mode: number;
  readonly uid: number;
  readonly gid: number;
  /** Bytes of content; 0 for all but files. */
  readonly size: number;
  /** Seconds since 1970. */
  readonly mtime: number;
  /** Target of a symlink, or the name in this archive that a hard link is another name of. */
  readonly linkName: BytePath | undefined;
  readonly devMajor: number;
  readonly devMinor: number;
  readonly xattrs: readonly Xattr[];
}

export type TarEntryType =
  'file' | 'directory' | 'symlink' | 'hardlink' | 'char-device' | 'block-device' | 'fifo';

/** Tar works in blocks of this many bytes. */
export const BLOCK_BYTES = 512;

/** The flag that stands for each type in a header (POSIX ustar). */
export const TYPE_FLAGS: Readonly<Record<TarEntryType, string>> = {
  file: '0',
  hardlink: '1',
  symlink: '2',
  'char-device': '3',
  'block-device': '4',
  directory: '5',
  fifo: '6',
};
