import {
  chmodSync,
  lchownSync,
  lstatSync,
  readdirSync,
  renameSync,
  unlinkSync,
  type BigIntStats,
} from 'node:fs';
import { bytesToText, fsPath, type BytePath } from '../core/bytes.ts';
import { utimesNs } from '../host/sys.ts';
import { lgetxattr, llistxattr, lsetxattr } from '../host/xattr.ts';
import { joinPath } from '../tree/node.ts';
import { isContentXattr } from '../tree/xattrs.ts';
import { cannotWriteTo } from './errors.ts';

/**
 * Moves all that is in `from` into `to`, on the same file system. Files there are replaced, directories
 * are merged and get the metadata of the new ones. Links in `to` are replaced, never followed. All is
 * looked at before anything is moved.
 * @throws BuildError EXPORT_WRITE where a file would take the place of a directory with other files
 */
export function mergeDirectory(from: BytePath, to: BytePath): void {
  checkMerge(from, to);
  merge(from, to);
}

function checkMerge(from: BytePath, to: BytePath): void {
  for (const [source, target] of pairs(from, to)) {
    const there = lstat(target);
    if (there?.isDirectory() !== true) continue;
    if (lstat(source)?.isDirectory() !== true) {
      throw cannotWriteTo(
        bytesToText(target),
        undefined,
        'a file of the image would replace this directory',
      );
    }
    checkMerge(source, target);
  }
}

function merge(from: BytePath, to: BytePath): void {
  for (const [source, target] of pairs(from, to)) {
    const added = lstat(source);
    if (added === undefined) continue;
    if (added.isDirectory()) moveDirectory(source, target, added);
    else renameSync(fsPath(source), fsPath(target));
  }
}

function moveDirectory(source: BytePath, target: BytePath, added: BigIntStats): void {
  const mode = Number(added.mode & 0o7777n);
  // Its owner needs to write to a directory to move it, or what is in it.
  chmodSync(fsPath(source), mode | 0o700);
  const there = lstat(target);
  if (there?.isDirectory() === true) {
    merge(source, target);
    copyDirectoryMetadata(source, target, added);
  } else {
    // rename(2) does not put a directory in the place of a file or link.
    if (there !== undefined) unlinkSync(fsPath(target));
    renameSync(fsPath(source), fsPath(target));
  }
  chmodSync(fsPath(target), mode);
  utimesNs(target, added.mtimeNs, added.mtimeNs);
}

function copyDirectoryMetadata(source: BytePath, target: BytePath, added: BigIntStats): void {
  const there = lstatSync(fsPath(target), { bigint: true });
  if (there.uid !== added.uid || there.gid !== added.gid) {
    lchownSync(fsPath(target), Number(added.uid), Number(added.gid));
  }
  for (const name of llistxattr(source).filter(isContentXattr)) {
    const value = lgetxattr(source, name);
    if (value !== undefined) lsetxattr(target, name, value);
  }
}

function* pairs(from: BytePath, to: BytePath): Generator<[BytePath, BytePath], void> {
  const names = readdirSync(fsPath(from), { encoding: 'latin1' }) as BytePath[];
  for (const name of names) yield [joinPath(from, name), joinPath(to, name)];
}

function lstat(path: BytePath): BigIntStats | undefined {
  return lstatSync(fsPath(path), { bigint: true, throwIfNoEntry: false });
}
