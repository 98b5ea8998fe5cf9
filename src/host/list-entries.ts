import { lstatSync, readdirSync } from 'node:fs';
import { fsPath, type BytePath } from '../core/bytes.ts';
import { hasCode } from './sys.ts';

/** A name in a directory, and what it was when the directory was listed. */
export interface ListedEntry {
  readonly name: BytePath;
  isDirectory(): boolean;
  isCharacterDevice(): boolean;
  isSocket(): boolean;
}

/**
 * The names in a directory with their types, in no particular order.
 *
 * Some file systems do not say in their listings what a name is, for example ext4 without `filetype` and
 * NFS in part. Node looks at each file then, and takes the bytes of its name for characters of another
 * encoding on the way (`getDirents` in `lib/internal/fs/utils.js`), so that it finds no name that is not
 * ASCII, and refuses a directory whose path is not. These are looked at here.
 */
export function listEntries(directory: BytePath): readonly ListedEntry[] {
  try {
    return listNatively(directory);
  } catch (error) {
    if (!isOfEntry(error)) throw error;
    return listByLooking(directory);
  }
}

function listNatively(directory: BytePath): readonly ListedEntry[] {
  const options = { encoding: 'latin1', withFileTypes: true } as const;
  return readdirSync(fsPath(directory), options) as readonly unknown[] as readonly ListedEntry[];
}

/** True when the directory was read, and one of its files could not be looked at. */
function isOfEntry(error: unknown): boolean {
  if (hasCode(error, 'ERR_INVALID_ARG_TYPE')) return true;
  return error instanceof Error && 'syscall' in error && error.syscall === 'lstat';
}

function listByLooking(directory: BytePath): readonly ListedEntry[] {
  const names = readdirSync(fsPath(directory), { encoding: 'latin1' }) as BytePath[];
  return names.flatMap((name) => {
    const path = `${directory}/${name}` as BytePath;
    const stat = lstatSync(fsPath(path), { throwIfNoEntry: false });
    return stat === undefined ? [] : [Object.assign(stat, { name })];
  });
}
