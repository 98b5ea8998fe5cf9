import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs';
import { fsPath, type BytePath } from '../core/bytes.ts';
import { nearest } from '../core/suggest.ts';
import type { FileTree } from '../tree/file-tree.ts';
import { badUser, unknownGroup, unknownUser, unreadableUserFile } from './errors.ts';
import type { ResolvedUser } from './sandbox.ts';

/**
 * Who a step runs as: USER resolved with the image's own passwd and group files, never with the
 * host's. Text that looks like a number is one; everything else must be a name that is there, so that
 * no odd spelling ever ends as root (CVE-2024-40635, CVE-2026-30892).
 *
 * `user` is as in USER and `docker run -u`: ``, `name`, `uid`, `name:group`, `uid:gid` and mixtures.
 *
 * @throws BuildError UNKNOWN_USER, UNKNOWN_GROUP, BAD_USER, USER_FILE_UNREADABLE
 */
export function resolveUser(user: string, tree: FileTree): ResolvedUser {
  const [userText = '', groupText, ...rest] = user.split(':');
  if (rest.length > 0 || groupText === '') throw badUser(user);
  const passwd = readEntries(tree, PASSWD, 7).flatMap(passwdEntry);
  const entry = findUser(userText, passwd);
  const group = groupText === undefined ? undefined : resolveGroupName(groupText, tree);
  // Without a passwd entry, a number runs with group 0, as in Docker.
  const gid = group ?? entry.gid;
  return {
    uid: entry.uid,
    gid,
    groups: supplementaryGroups(entry.name, gid, groupText !== undefined, tree),
    home: entry.home === '' ? '/' : entry.home,
  };
}

/**
 * Number of a group given by name or number, as in `--chown=user:group`.
 * @throws BuildError UNKNOWN_GROUP, BAD_USER, USER_FILE_UNREADABLE
 */
export function resolveGroupName(text: string, tree: FileTree): number {
  const number = parseId(text);
  if (number !== undefined) return number;
  const groups = readEntries(tree, GROUP, 4).flatMap(groupEntry);
  const found = groups.find((group) => group.name === text);
  if (found !== undefined) return found.gid;
  throw unknownGroup(
    text,
    nearest(
      text,
      groups.map((group) => group.name),
    ),
  );
}

const PASSWD = '/etc/passwd' as BytePath;
const GROUP = '/etc/group' as BytePath;

/** The last two are "nobody" by mistake and "no change" to the kernel. */
const MAX_ID = 4_294_967_294;

interface PasswdEntry {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
  readonly home: string;
}

function findUser(text: string, passwd: readonly PasswdEntry[]): PasswdEntry {
  const number = text === '' ? 0 : parseId(text);
  const entry = passwd.find(({ name, uid }) =>
    number === undefined ? name === text : uid === number,
  );
  if (entry !== undefined) return entry;
  if (number !== undefined) {
    return { name: '', uid: number, gid: 0, home: '/' };
  }
  throw unknownUser(
    text,
    nearest(
      text,
      passwd.map(({ name }) => name),
    ),
  );
}

/** Digits only: no sign, no white space, no hexadecimal. @throws BuildError BAD_USER when too large */
function parseId(text: string): number | undefined {
  if (!/^[0-9]+$/.test(text)) return undefined;
  const id = Number(text);
  if (text.length > 10 || id > MAX_ID) throw badUser(text);
  return id;
}

/**
 * The primary group belongs to the list as well (CVE-2022-36109). With an explicit group Docker gives
 * no others.
 */
function supplementaryGroups(
  name: string,
  gid: number,
  isGroupGiven: boolean,
  tree: FileTree,
): readonly number[] {
  if (isGroupGiven || name === '') return [gid];
  const member = readEntries(tree, GROUP, 4)
    .flatMap(groupEntry)
    .filter((group) => group.members.includes(name))
    .map((group) => group.gid);
  return [...new Set([gid, ...member])].slice(0, MAX_GROUPS);
}

/** NGROUPS_MAX of Linux. */
const MAX_GROUPS = 65_536;

function passwdEntry(fields: readonly string[]): PasswdEntry[] {
  const [name = '', , uidText = '', gidText = '', , home = ''] = fields;
  const [uid, gid] = [fileId(uidText), fileId(gidText)];
  return name === '' || uid === undefined || gid === undefined ? [] : [{ name, uid, gid, home }];
}

function groupEntry(
  fields: readonly string[],
): { readonly name: string; readonly gid: number; readonly members: readonly string[] }[] {
  const [name = '', , gidText = '', members = ''] = fields;
  const gid = fileId(gidText);
  return name === '' || gid === undefined ? [] : [{ name, gid, members: members.split(',') }];
}

/** Lines with impossible numbers are skipped: they can belong to nobody. */
function fileId(text: string): number | undefined {
  return /^[0-9]{1,10}$/.test(text) && Number(text) <= MAX_ID ? Number(text) : undefined;
}

/** BuildKit's limit. */
const MAX_FILE_BYTES = 10 * 1024 * 1024;
const MAX_LINE_CHARS = 64 * 1024;

/** Fields of each line that has the first three at least. No file, no lines. */
function readEntries(tree: FileTree, path: BytePath, maxFields: number): string[][] {
  const node = tree.lookup(path, { followsLast: true });
  if (node === undefined) return [];
  // A fifo would block and a device never end: only files are opened.
  if (node.type !== 'file') throw unreadableUserFile(path, `it is not a file but a ${node.type}`);
  const text = readText(path, node.hostPath);
  return text
    .split('\n')
    .filter((line) => line.length <= MAX_LINE_CHARS && !line.startsWith('#'))
    .map((line) => line.trim().split(':'))
    .filter((fields) => fields.length >= 3 && fields.length <= maxFields);
}

function readText(path: string, hostPath: BytePath): string {
  const { O_RDONLY, O_NOFOLLOW, O_NONBLOCK } = constants;
  const fd = openSync(fsPath(hostPath), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  try {
    const stats = fstatSync(fd);
    if (!stats.isFile()) throw unreadableUserFile(path, 'it is not a file');
    if (stats.size > MAX_FILE_BYTES) {
      throw unreadableUserFile(path, `it has ${stats.size} bytes, more than ${MAX_FILE_BYTES}`);
    }
    const bytes = Buffer.alloc(stats.size);
    return bytes.toString('utf8', 0, readSync(fd, bytes, 0, stats.size, 0));
  } finally {
    closeSync(fd);
  }
}
