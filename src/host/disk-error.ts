import { statfsSync, type StatsFs } from 'node:fs';
import { BuildError } from '../diagnostics/build-error.ts';

/**
 * What a failed call means when the disk is the reason: DISK_FULL for no space, no inodes or no quota,
 * DISK_FAILED for a disk that cannot be read or written. Undefined for every other failure.
 * `path` is what was written, or a directory near it.
 */
export function diskError(path: string, cause: unknown): BuildError | undefined {
  const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return new BuildError({
        code: 'DISK_FULL',
        class: 'host',
        message: `Cannot write "${path}": ${fullness(path, code)}`,
        hint: 'Free some space, for example with "stagecraft prune"',
        cause,
      });
    case 'EIO':
    case 'EROFS':
      return new BuildError({
        code: 'DISK_FAILED',
        class: 'host',
        message: `Cannot use "${path}": the disk ${code === 'EIO' ? 'reports an error' : 'is read-only'} (${code})`,
        hint:
          code === 'EIO'
            ? 'Read the kernel log for the reason'
            : 'Choose another directory, or mount the disk for writing; the kernel log says whether errors made it read-only',
        cause,
      });
    default:
      return undefined;
  }
}

/** Bytes that this user can still write to the disk that `path` is on; undefined when nobody can tell. */
export function freeBytes(path: string): number | undefined {
  const stat = diskOf(path);
  return stat === undefined ? undefined : stat.bavail * stat.bsize;
}

function fullness(path: string, code: 'ENOSPC' | 'EDQUOT'): string {
  const stat = diskOf(path);
  if (code === 'EDQUOT') return 'the disk quota is used up (EDQUOT)';
  if (stat === undefined) return 'the disk is full (ENOSPC)';
  // Some file systems have no table of inodes and say 0 of 0.
  if (stat.files > 0 && stat.ffree === 0) return 'the disk has no free inodes (ENOSPC)';
  return `the disk is full, ${String(stat.bavail * stat.bsize)} bytes are free (ENOSPC)`;
}

function diskOf(path: string): StatsFs | undefined {
  try {
    return statfsSync(path);
  } catch {
    return undefined;
  }
}
