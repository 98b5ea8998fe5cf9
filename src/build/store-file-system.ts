import {
  chmodSync,
  chownSync,
  existsSync,
  lchownSync,
  lstatSync,
  mkdtempSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { textToBytes } from '../core/bytes.ts';
import type { BuildError } from '../diagnostics/build-error.ts';
import { diskError } from '../host/disk-error.ts';
import { hasCode } from '../host/sys.ts';
import { shown } from '../image/errors.ts';
import { idMap } from '../tree/copy-up.ts';
import { makeWhiteout } from '../tree/whiteout.ts';
import { badStore } from './errors.ts';

/** What files of images need, and how to see that a file system keeps it in the directory `dir`. */
const NEEDS: readonly (readonly [what: string, keeps: (dir: string, ids: Ids) => boolean])[] = [
  [
    'does not tell upper case from lower case in names',
    (dir) => {
      writeFileSync(join(dir, 'name'), '');
      return !existsSync(join(dir, 'NAME'));
    },
  ],
  [
    'has no symbolic links',
    (dir) => {
      symlinkSync('name', join(dir, 'link'));
      return readlinkSync(join(dir, 'link')) === 'name';
    },
  ],
  [
    'does not keep permissions of files',
    (dir) =>
      [0o640, 0o4711].every((mode) => {
        chmodSync(join(dir, 'name'), mode);
        return (lstatSync(join(dir, 'name')).mode & 0o7777) === mode;
      }),
  ],
  [
    'does not keep owners of files',
    (dir, { uid, gid }) => {
      // Of a link that leads nowhere: of itself.
      symlinkSync('nowhere', join(dir, 'dangling'));
      lchownSync(join(dir, 'dangling'), uid, gid);
      chownSync(join(dir, 'name'), uid, gid);
      return ['dangling', 'name'].every((name) => {
        const stat = lstatSync(join(dir, name));
        return stat.uid === uid && stat.gid === gid;
      });
    },
  ],
  [
    'has neither devices nor sockets, which removed names are noted with',
    (dir) => {
      makeWhiteout(textToBytes(join(dir, 'removed')));
      return true;
    },
  ],
];

interface Ids {
  readonly uid: number;
  readonly gid: number;
}

/**
 * What the file system of the directory `root` lacks that files of images need; undefined when it has all.
 * FAT, exFAT, NTFS, SFTP and directories without case lack something. So do some for users with ids of their
 * own. A disk that takes no more lacks nothing: what is written to it later says so. Takes about a millisecond.
 */
export function whyNoStore(root: string, uid: number): string | undefined {
  let dir: string;
  try {
    dir = mkdtempSync(join(root, 'probe-'));
  } catch (error) {
    if (diskError(root, error) === undefined) throw error;
    return undefined;
  }
  try {
    // Where there is a choice, the ids are others than those that files have anyway.
    const isFree = uid === 0 && !idMap().isSingle;
    const ids = isFree ? { uid: 1, gid: 1 } : lstatSync(dir);
    return NEEDS.find(([, keeps]) => !tryOut(dir, () => keeps(dir, ids)))?.[0];
  } finally {
    rmSync(dir, { recursive: true, force: true });
  }
}

function tryOut(dir: string, keeps: () => boolean): boolean {
  try {
    return keeps();
  } catch (error) {
    return diskError(dir, error) !== undefined;
  }
}

/**
 * What the file system of the store at `root` refused for good, where that is why a call failed: a name that it
 * does not take, or something that it does not know.
 */
export function storeRefusal(root: string, error: unknown): BuildError | undefined {
  if (!hasCode(error, 'EILSEQ', 'ENOSYS', 'ENOTSUP', 'EOPNOTSUPP')) return undefined;
  const { code, path, syscall } = error as NodeJS.ErrnoException;
  if (path?.startsWith(`${root}/`) !== true) return undefined;
  const found = `its file system refuses ${syscall ?? 'a call'} for "${shown(path)}" (${code ?? ''})`;
  return badStore(root, found, OTHER_FILE_SYSTEM);
}

/** What helps in either case. */
export const OTHER_FILE_SYSTEM =
  'Put the store on another file system, with --root or STAGECRAFT_ROOT';
