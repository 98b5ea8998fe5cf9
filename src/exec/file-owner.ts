import { closeSync, constants, openSync, readSync } from 'node:fs';
import { fsPath, textToBytes } from '../core/bytes.ts';
import { nearest } from '../core/suggest.ts';
import type { Owner } from '../ops/op.ts';
import type { FileTree } from '../tree/file-tree.ts';
import { badOwnerFile, unknownOwner } from './file-errors.ts';

/** Numbers for lchown. */
export interface OwnerIds {
  readonly uid: number;
  readonly gid: number;
}

/** Larger files are refused, as in BuildKit (`solver/llbsolver/ops/user_linux.go`). */
const MAX_OWNER_FILE_BYTES = 10 << 20;

/** 0 as user and as group, whatever the files say, as in BuildKit (`client/llb/fileop.go`, parseUID). */
const ROOT = 'root';

/** (uid_t) -1 means "leave as it is" to the kernel. */
const MAX_ID = 0xffff_fffe;

/**
 * Looks up an owner in /etc/passwd and /etc/group of `tree`. A number alone is user and group; a name
 * alone brings its own group. A name that is not there is an error, where BuildKit silently takes 0
 * (docs/decisions/006-copy-differences.md).
 *
 * @throws BuildError UNKNOWN_OWNER, OWNER_FILE_INVALID
 */
export function resolveOwner(owner: Owner, tree: FileTree): OwnerIds {
  const user = userIds(owner.user, tree);
  if (owner.group === undefined) return user;
  return { uid: user.uid, gid: groupId(owner.group, tree) };
}

function userIds(user: string, tree: FileTree): OwnerIds {
  if (user === '') return { uid: 0, gid: 0 };
  const number = idOf(user);
  if (number !== undefined) return { uid: number, gid: number };
  if (user === ROOT) return { uid: 0, gid: 0 };
  const file = '/etc/passwd';
  const entries = readEntries(tree, file, { name: 0, ids: [2, 3] });
  const [uid, gid] = entries.get(user) ?? [];
  if (uid === undefined || gid === undefined) {
    throw unknownOwner('user', user, file, nearest(user, entries.keys()));
  }
  return { uid, gid };
}

function groupId(group: string, tree: FileTree): number {
  const number = idOf(group);
  if (number !== undefined) return number;
  if (group === ROOT) return 0;
  const file = '/etc/group';
  const entries = readEntries(tree, file, { name: 0, ids: [2] });
  const [gid] = entries.get(group) ?? [];
  if (gid === undefined) throw unknownOwner('group', group, file, nearest(group, entries.keys()));
  return gid;
}

function idOf(text: string): number | undefined {
  if (!/^[0-9]{1,10}$/.test(text)) return undefined;
  const id = Number(text);
  return id <= MAX_ID ? id : undefined;
}

/** The first entry of each name. Lines that are no entries do not count. */
function readEntries(
  tree: FileTree,
  file: string,
  fields: { readonly name: number; readonly ids: readonly number[] },
): Map<string, number[]> {
  const entries = new Map<string, number[]>();
  for (const line of readOwnerFile(tree, file).split('\n')) {
    const parts = line.trim().split(':');
    const name = parts[fields.name] ?? '';
    const ids = fields.ids
      .map((field) => idOf(parts[field] ?? ''))
      .filter((id) => id !== undefined);
    if (name === '' || ids.length < fields.ids.length || entries.has(name)) continue;
    entries.set(name, ids);
  }
  return entries;
}

/** Empty when the image has no such file. */
function readOwnerFile(tree: FileTree, file: string): string {
  const node = tree.lookup(textToBytes(file), { followsLast: true });
  if (node === undefined) return '';
  if (node.type !== 'file') throw badOwnerFile(file, 'it is not a regular file');
  if (node.size > MAX_OWNER_FILE_BYTES) {
    throw badOwnerFile(file, `it is larger than ${MAX_OWNER_FILE_BYTES} bytes`);
  }
  const fd = openSync(fsPath(node.hostPath), constants.O_RDONLY | constants.O_NOFOLLOW);
  try {
    const buffer = Buffer.alloc(node.size);
    let length = 0;
    while (length < buffer.length) {
      const read = readSync(fd, buffer, length, buffer.length - length, null);
      if (read === 0) break;
      length += read;
    }
    return buffer.toString('utf8', 0, length);
  } finally {
    closeSync(fd);
  }
}
