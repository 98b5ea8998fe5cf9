import { readdirSync } from 'node:fs';
import { compareBytes, fsPath, textToBytes, type BytePath } from '../core/bytes.ts';
import { majorOf, minorOf } from '../host/sys.ts';
import { lgetxattr, llistxattr } from '../host/xattr.ts';
import type { TreeNode } from '../tree/file-tree.ts';
import { isWhiteout, joinPath, readLink, readNode } from '../tree/node.ts';
import { isOpaque } from '../tree/opaque.ts';
import type { Xattr } from '../tree/xattrs.ts';
import type { TarEntry, TarEntryType } from './tar-entry.ts';

/** A tar entry and where its content is; undefined for all but files with content. */
export interface LayerEntry {
  readonly entry: TarEntry;
  readonly hostPath: BytePath | undefined;
}

/** Names that mean something else than a file in a layer (OCI image-spec layer.md, "Whiteouts"). */
export const WHITEOUT_PREFIX = '.wh.';
export const OPAQUE_WHITEOUT = '.wh..wh..opq';

/**
 * The entries of a layer, from a directory in overlay upper form: each directory, then its names in
 * byte order. Whiteouts of overlayfs become those of layers. The root directory has no entry of its own.
 *
 * `clampMtime` is the latest time in seconds; undefined keeps all times.
 */
export function* layerEntries(
  dir: string,
  clampMtime: number | undefined,
): Generator<LayerEntry, void> {
  const scope: Scope = { linked: new Map(), clampMtime };
  yield* directoryEntries(textToBytes(dir), '' as BytePath, scope);
}

interface Scope {
  /** First name of each file that has several, by device and inode. */
  readonly linked: Map<string, BytePath>;
  readonly clampMtime: number | undefined;
}

function* directoryEntries(
  hostDir: BytePath,
  name: BytePath,
  scope: Scope,
): Generator<LayerEntry, void> {
  const names = readdirSync(fsPath(hostDir), { encoding: 'latin1' }) as BytePath[];
  for (const child of names.sort(compareBytes)) {
    const hostPath = joinPath(hostDir, child);
    const path = (name === '' ? child : `${name}/${child}`) as BytePath;
    const node = readNode(hostPath, path);
    if (node === undefined || node.type === 'socket') continue;
    if (isWhiteout(node)) {
      yield { entry: marker(name, `${WHITEOUT_PREFIX}${child}`), hostPath: undefined };
      continue;
    }
    yield nodeEntry(node, path, scope);
    if (node.type !== 'directory') continue;
    if (isOpaque(hostPath)) yield { entry: marker(path, OPAQUE_WHITEOUT), hostPath: undefined };
    yield* directoryEntries(hostPath, path, scope);
  }
}

function nodeEntry(node: TreeNode, path: BytePath, scope: Scope): LayerEntry {
  const first = firstName(node, path, scope);
  const isHardLink = first !== undefined;
  const type: TarEntryType = isHardLink ? 'hardlink' : (node.type as TarEntryType);
  const size = type === 'file' ? node.size : 0;
  const isDevice = type === 'char-device' || type === 'block-device';
  return {
    entry: {
      name: path,
      type,
      mode: node.mode,
      uid: node.uid,
      gid: node.gid,
      size,
      mtime: seconds(node.mtimeNs, scope.clampMtime),
      linkName: isHardLink ? first : node.type === 'symlink' ? readLink(node) : undefined,
      devMajor: isDevice ? majorOf(node.rdev) : 0,
      devMinor: isDevice ? minorOf(node.rdev) : 0,
      xattrs: isHardLink ? [] : layerXattrs(node.hostPath),
    },
    hostPath: size > 0 ? node.hostPath : undefined,
  };
}

/** The name under which this file was written before; undefined the first time. */
function firstName(node: TreeNode, path: BytePath, { linked }: Scope): BytePath | undefined {
  if (node.nlink < 2 || node.type === 'directory') return undefined;
  const key = `${String(node.dev)}:${String(node.ino)}`;
  const first = linked.get(key);
  if (first === undefined) linked.set(key, path);
  return first;
}

function seconds(mtimeNs: bigint, clamp: number | undefined): number {
  // Rounded down, as Go's Truncate does for times after 1970 and tar wants for all.
  const whole = Number(mtimeNs / 1_000_000_000n) - (mtimeNs % 1_000_000_000n < 0n ? 1 : 0);
  return clamp === undefined ? whole : Math.min(whole, clamp);
}

/** What overlayfs and security modules note on files belongs to this host, not to the image. */
function layerXattrs(hostPath: BytePath): Xattr[] {
  return llistxattr(hostPath)
    .filter(
      (name) => !/^(trusted\.overlay\.|user\.overlay\.|security\.selinux$|system\.)/.test(name),
    )
    .sort(compareBytes)
    .flatMap((name) => {
      const value = lgetxattr(hostPath, name);
      return value === undefined ? [] : [{ name, value }];
    });
}

function marker(directory: BytePath, name: string): TarEntry {
  return {
    name: (directory === '' ? name : `${directory}/${name}`) as BytePath,
    type: 'file',
    mode: 0,
    uid: 0,
    gid: 0,
    size: 0,
    mtime: 0,
    linkName: undefined,
    devMajor: 0,
    devMinor: 0,
    xattrs: [],
  };
}
