import { lstatSync, statSync, type BigIntStats } from 'node:fs';
import { fsPath, type BytePath } from '../core/bytes.ts';
import { hasCode } from '../host/sys.ts';

/**
 * What of a path tells whether it is as it was.
 *
 * `file`: whatever is there, and what a link leads to.
 * `node`: one name, its link not followed; of a directory no more than that it is the same one.
 * `names`: a directory with the names in it.
 * `place`: which file or directory the path leads to, and nothing about that.
 */
export type PathAspect = 'file' | 'node' | 'names' | 'place';

/** What stat(2) says of a file, as far as it tells one state of it from another. */
export type StatState = Pick<BigIntStats, 'dev' | 'ino' | 'mode' | 'size' | 'mtimeNs' | 'ctimeNs'>;

/** The state of a path that is not there. */
const ABSENT = '-';

/** True while the state of a path is `state`. Most are of plain files, which are compared first: this runs cold. */
export function isInState(path: BytePath, aspect: PathAspect, state: string): boolean {
  const own = aspect === 'place' ? undefined : lstat(path);
  return (
    (own !== undefined && whole(own) === state) || stateOf(aspect, look(path, aspect)) === state
  );
}

/** What was seen at a path. `leadsTo` is what is behind a link. */
export interface SeenAtPath {
  readonly own: StatState | undefined;
  readonly leadsTo: StatState | undefined;
}

/** Looks at a path. Where this process may not look, nothing is there for it. */
export function look(path: BytePath, aspect: PathAspect): SeenAtPath {
  const own = lstat(path);
  const isLink = own !== undefined && (own.mode & S_IFMT) === S_IFLNK;
  const isFollowed = isLink && (aspect === 'file' || aspect === 'place');
  return { own, leadsTo: isFollowed ? stat(path) : undefined };
}

/** The state of what was seen: two that are equal are of the same bytes, once they have settled. */
export function stateOf(aspect: PathAspect, { own, leadsTo }: SeenAtPath): string {
  if (own === undefined) return ABSENT;
  if (aspect === 'place') return identity(leadsTo ?? own);
  if (aspect === 'node' && (own.mode & S_IFMT) === S_IFDIR) return identity(own);
  return leadsTo === undefined ? whole(own) : `${whole(own)} ${whole(leadsTo)}`;
}

const S_IFMT = 0o170000n;
const S_IFDIR = 0o040000n;
const S_IFLNK = 0o120000n;

function identity({ dev, ino, mode }: StatState): string {
  return `${dev} ${ino} ${mode}`;
}

function whole({ dev, ino, mode, size, mtimeNs, ctimeNs }: StatState): string {
  return `${dev} ${ino} ${mode} ${size} ${mtimeNs} ${ctimeNs}`;
}

const OPTIONS = { bigint: true, throwIfNoEntry: false } as const;

function lstat(path: BytePath): BigIntStats | undefined {
  try {
    return lstatSync(fsPath(path), OPTIONS);
  } catch (error) {
    refuseOthers(error);
    return undefined;
  }
}

/** What a link leads to. */
function stat(path: BytePath): BigIntStats | undefined {
  try {
    return statSync(fsPath(path), OPTIONS);
  } catch (error) {
    refuseOthers(error);
    return undefined;
  }
}

/** Throws what does not say that nothing is there for this process. */
function refuseOthers(error: unknown): void {
  if (!hasCode(error, 'ENOTDIR', 'EACCES', 'EPERM', 'ELOOP', 'ENAMETOOLONG')) throw error;
}
