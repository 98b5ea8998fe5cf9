import { existsSync, lstatSync, renameSync, rmSync, statSync, utimesSync } from 'node:fs';
import { join } from 'node:path';
import { hexOf } from '../core/digest.ts';
import { digestOf } from '../core/sha256.ts';
import { diskError } from '../host/disk-error.ts';
import { readFileCapped } from '../host/atomic-file.ts';
import { namesIn } from '../host/list-names.ts';
import { replaceFile } from '../host/replace-file.ts';
import { hasCode } from '../host/sys.ts';
import { measureDirectory } from './measure-directory.ts';

/**
 * What is known of the files of build contexts, so that unchanged ones are not read again:
 *
 *   contexts/<hash>/path         absolute path of the directory; its time is when a build last used it, to the day
 *   contexts/<hash>/digests      digests of files (tree/hash-cache.ts)
 *   contexts/<hash>/selections   hashes of what steps selected (tree/selection-memo.ts)
 *
 * All of it can be made again, so nobody holds it: a build that runs has read what it needs, and one whose
 * directory was taken away while it writes just does not write.
 */
export interface KeptContext {
  /** Name below `contexts`. */
  readonly id: string;
  /** Of the directory that it is about; undefined where it was lost. */
  readonly path: string | undefined;
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly lastUsed: number;
}

/** Files about one build context. */
export interface ContextFiles {
  readonly digests: string;
  readonly selections: string;
}

/** A time of last use is written at most this often, in milliseconds. */
const TOUCH_INTERVAL_MS = 24 * 60 * 60 * 1000;

/** PATH_MAX of Linux. */
const MAX_PATH_BYTES = 4096;

/** The files about the directory at `path`; they need not be there. */
export function contextFiles(root: string, path: string): ContextFiles {
  const directory = directoryOf(root, path);
  return { digests: join(directory, 'digests'), selections: join(directory, 'selections') };
}

/**
 * Writes with `save` what is new of the directory at `path`, and that it was used. On a disk that takes no more
 * nothing is written, which costs the next build the time to read the files again.
 */
export function keepContext(root: string, path: string, now: number, save: () => void): void {
  const directory = directoryOf(root, path);
  const note = join(directory, 'path');
  try {
    save();
    const stat = statSync(note, { throwIfNoEntry: false });
    if (stat === undefined && existsSync(directory)) replaceFile(note, path);
    else if (stat !== undefined && now - stat.mtimeMs > TOUCH_INTERVAL_MS) {
      utimesSync(note, now / 1000, now / 1000);
    }
  } catch (error) {
    // Somebody prunes just now.
    if (hasCode(error, 'ENOENT')) return;
    // A file of an older version is in the place of the directory: the next build has more to read.
    if (hasCode(error, 'ENOTDIR', 'EEXIST')) {
      rmSync(directory, { force: true });
      return;
    }
    if (diskError(directory, error) === undefined) throw error;
  }
}

/** All that is kept, also of directories that are gone. */
export async function listContexts(root: string, signal: AbortSignal): Promise<KeptContext[]> {
  const kept: KeptContext[] = [];
  for (const id of namesIn(join(root, 'contexts'))) {
    const directory = join(root, 'contexts', id);
    const isDirectory = statSync(directory, { throwIfNoEntry: false })?.isDirectory() === true;
    const note = isDirectory ? readFileCapped(join(directory, 'path'), MAX_PATH_BYTES) : undefined;
    const path = note?.toString('utf8');
    kept.push({ id, path, ...(await measureDirectory(directory, signal)) });
  }
  return kept;
}

/** True where the directory is not there any more. One that cannot be reached may be. */
export function isContextGone({ path }: Pick<KeptContext, 'path'>): boolean {
  if (path === undefined) return true;
  try {
    lstatSync(path);
    return false;
  } catch (error) {
    return hasCode(error, 'ENOENT', 'ENOTDIR');
  }
}

/** Moves them to where `trash` says, for the caller to remove. Returns those that were there. */
export function takeContexts(
  root: string,
  ids: Iterable<string>,
  trash: (id: string) => string,
): readonly string[] {
  return [...ids].filter((id) => {
    try {
      renameSync(join(root, 'contexts', id), trash(`context-${id}`));
      return true;
    } catch (error) {
      if (hasCode(error, 'ENOENT', 'ENOTEMPTY', 'EEXIST')) return false;
      throw error;
    }
  });
}

function directoryOf(root: string, path: string): string {
  return join(root, 'contexts', hexOf(digestOf(path)));
}
