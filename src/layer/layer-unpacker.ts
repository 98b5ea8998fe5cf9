import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  mkdirSync,
  openSync,
  symlinkSync,
} from 'node:fs';
import { bytesToText, fsPath, type BytePath } from '../core/bytes.ts';
import type { BuildError } from '../diagnostics/build-error.ts';
import { writeAll } from '../host/atomic-file.ts';
import { futimesNs, hasCode, mkfifo, utimesNs } from '../host/sys.ts';
import { makeHardLink } from '../tree/hard-link.ts';
import type { FileTree } from '../tree/file-tree.ts';
import { joinPath, readNode } from '../tree/node.ts';
import { isLayerMark } from '../tree/opaque.ts';
import { setOwner, setXattr } from '../tree/copy-up.ts';
import { makeDeviceNode } from './device-node.ts';
import { attributeFailure, entryFailure } from './entry-failure.ts';
import { badLayerEntry, shortened } from './errors.ts';
import { OPAQUE_WHITEOUT, WHITEOUT_PREFIX } from './layer-entries.ts';
import { entryNames, LayerRoot, type LayerDirectory } from './layer-root.ts';
import type { TarEntry } from './tar-entry.ts';
import type { ReadEntry } from './tar-read.ts';
import type { UnpackLimits } from './unpack-limits.ts';

/** Puts the entries of one layer, in their order, into a directory in overlay upper form. */
export class LayerUnpacker {
  readonly #dir: string;
  readonly #root: LayerRoot;
  readonly #maxXattrBytes: number;
  /** Times of directories, set at the end: making files in them changes them. */
  readonly #directoryTimes = new Map<BytePath, bigint>();

  constructor(dir: string, lower: FileTree | undefined, { xattrBytes }: UnpackLimits) {
    this.#dir = dir;
    this.#maxXattrBytes = xattrBytes;
    this.#root = new LayerRoot(dir, lower);
  }

  /** Directories made on the way to entries. */
  get madeCount(): number {
    return this.#root.madeCount;
  }

  async add({ entry, content }: ReadEntry): Promise<void> {
    try {
      const names = entryNames(entry.name);
      const name = names.pop();
      if (name === undefined) {
        this.#applyToRoot(entry);
        return;
      }
      const directory = this.#root.directory(names);
      if (name.startsWith(WHITEOUT_PREFIX)) this.#whiteout(directory, name, entry);
      else if (entry.type === 'hardlink') this.#link(directory, name, entry);
      else if (entry.type === 'file') await this.#writeFile(directory, name, entry, content);
      else this.#place(directory, name, entry);
    } catch (error) {
      throw entryFailure(entry, this.#dir, error);
    }
  }

  finish(): void {
    const real = new Set<BytePath>([this.#root.root.hostPath]);
    for (const [hostPath, mtime] of this.#directoryTimes) {
      // A later entry may have put a link in its place, or in that of a directory above it.
      if (isReal(hostPath, real)) utimesNs(hostPath, mtime, mtime);
    }
  }

  /** The root itself stays what it is: a directory (CVE-2021-29136). */
  #applyToRoot(entry: TarEntry): void {
    if (entry.type !== 'directory') {
      throw badLayerEntry(bytesToText(entry.name), 'the root has to be a directory');
    }
    this.#applyMetadata(this.#root.root.hostPath, entry);
  }

  #whiteout(directory: LayerDirectory, name: BytePath, entry: TarEntry): void {
    if (name === OPAQUE_WHITEOUT) {
      this.#root.hideLower(directory);
      return;
    }
    // Notes of the aufs driver of old Docker versions: no files, and nothing to hide.
    if (AUFS_NOTES.has(name)) return;
    const hidden = name.slice(WHITEOUT_PREFIX.length) as BytePath;
    if (['', '.', '..'].includes(hidden) || hidden.startsWith(WHITEOUT_PREFIX)) {
      throw badLayerEntry(bytesToText(entry.name), 'it is no valid whiteout');
    }
    const own = this.#root.own(directory, hidden);
    if (own === undefined) {
      const path = joinPath(directory.path, hidden);
      this.#root.makeWhiteout(path, joinPath(directory.hostPath, hidden));
    } else if (own.type === 'directory') {
      // A whiteout hides what is below this layer, never what the layer itself brings.
      this.#root.makeOpaque(own.hostPath);
    }
  }

  async #writeFile(
    directory: LayerDirectory,
    name: BytePath,
    entry: TarEntry,
    content: ReadEntry['content'],
  ): Promise<void> {
    const hostPath = joinPath(directory.hostPath, name);
    const fd = this.#openNew(directory, name, hostPath);
    try {
      this.#root.changed(joinPath(directory.path, name));
      if (entry.size > 0) for await (const chunk of content()) writeAll(fd, chunk);
      // By descriptor, as most entries are files: the system need not find them again and again.
      this.#setOwner(fd, entry);
      fchmodSync(fd, entry.mode);
      this.#setXattrs(hostPath, entry);
      const mtimeNs = mtimeOf(entry);
      futimesNs(fd, mtimeNs, mtimeNs);
    } finally {
      closeSync(fd);
    }
  }

  /** A new file. Whatever else this layer had there goes, and is not followed. */
  #openNew(directory: LayerDirectory, name: BytePath, hostPath: BytePath): number {
    try {
      return openNew(hostPath);
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
      const own = this.#root.own(directory, name);
      if (own !== undefined) this.#root.remove(own);
      return openNew(hostPath);
    }
  }

  #place(directory: LayerDirectory, name: BytePath, entry: TarEntry): void {
    const hostPath = joinPath(directory.hostPath, name);
    const own = this.#root.own(directory, name);
    const isKept = own?.type === 'directory' && entry.type === 'directory';
    if (own !== undefined && !isKept) this.#root.remove(own);
    this.#root.changed(joinPath(directory.path, name));
    switch (entry.type) {
      case 'directory':
        if (!isKept) mkdirSync(fsPath(hostPath), { mode: 0o700 });
        // What this layer had here before has hidden what is below already.
        if (own !== undefined && !isKept) this.#root.makeOpaque(hostPath);
        break;
      case 'symlink':
        symlinkSync(fsPath(targetOf(entry)), fsPath(hostPath));
        break;
      case 'fifo':
        mkfifo(hostPath, 0o600);
        break;
      case 'char-device':
      case 'block-device':
        if (makeDeviceNode(hostPath, entry)) break;
        // It cannot be had here; what is below it is not there either.
        if (this.#root.lower(directory, name) !== undefined) {
          this.#root.makeWhiteout(joinPath(directory.path, name), hostPath);
        }
        return;
      case 'file':
      case 'hardlink':
        throw new TypeError(`A ${entry.type} is made in another way`);
      default:
        entry.type satisfies never;
    }
    this.#applyMetadata(hostPath, entry);
  }

  #link(directory: LayerDirectory, name: BytePath, entry: TarEntry): void {
    const target = targetOf(entry);
    const refused = (found: string): BuildError =>
      badLayerEntry(
        bytesToText(entry.name),
        `it links to "${shortened(bytesToText(target))}", ${found}`,
      );
    const source = this.#root.linkSource(entryNames(target));
    if (source === undefined) throw refused('which is not there');
    if (source.type === 'directory') throw refused('which is a directory');
    if (source.type === 'socket') throw refused('which is a socket');
    const path = joinPath(directory.path, name);
    const hostPath = joinPath(directory.hostPath, name);
    if (source.hostPath === hostPath) return;
    if (source.hostPath.startsWith(`${hostPath}/`)) {
      throw refused('which is in the directory that it replaces');
    }
    const own = this.#root.own(directory, name);
    if (own !== undefined) this.#root.remove(own);
    makeHardLink(source.hostPath, hostPath, path);
    this.#root.changed(path);
  }

  /** Owner before mode, as changing it clears setuid; attributes after both; times last. */
  #applyMetadata(hostPath: BytePath, entry: TarEntry): void {
    this.#setOwner(hostPath, entry);
    if (entry.type !== 'symlink') chmodSync(fsPath(hostPath), entry.mode);
    this.#setXattrs(hostPath, entry);
    const mtimeNs = mtimeOf(entry);
    if (entry.type === 'directory') this.#directoryTimes.set(hostPath, mtimeNs);
    else utimesNs(hostPath, mtimeNs, mtimeNs);
  }

  #setXattrs(hostPath: BytePath, entry: TarEntry): void {
    if (entry.xattrs.length === 0) return;
    this.#checkXattrs(entry);
    for (const xattr of entry.xattrs) {
      // What would be taken for marks of this layer, and labels of another host.
      if (isLayerMark(xattr.name) || xattr.name === 'security.selinux') continue;
      try {
        setXattr(hostPath, xattr.name, xattr.value);
      } catch (error) {
        throw attributeFailure(entry, xattr, this.#dir, error) ?? error;
      }
    }
  }

  #checkXattrs({ name, xattrs }: TarEntry): void {
    let total = 0;
    for (const { name: key, value } of xattrs) total += key.length + value.length;
    if (total <= this.#maxXattrBytes) return;
    const found = `its attributes have more than ${String(this.#maxXattrBytes)} bytes`;
    throw badLayerEntry(bytesToText(name), found);
  }

  #setOwner(file: BytePath | number, { name, uid, gid }: TarEntry): void {
    try {
      setOwner(file, uid, gid);
    } catch (error) {
      if (!hasCode(error, 'EINVAL')) throw error;
      const found = `its owner ${String(uid)}:${String(gid)} is not among the ids of this user`;
      throw badLayerEntry(bytesToText(name), found, error);
    }
  }
}

/** True for a directory that no link is on the way to. `real` remembers those that were found so. */
function isReal(hostPath: BytePath, real: Set<BytePath>): boolean {
  if (real.has(hostPath)) return true;
  const above = hostPath.slice(0, hostPath.lastIndexOf('/')) as BytePath;
  if (above === '' || !isReal(above, real)) return false;
  if (readNode(hostPath, hostPath)?.type !== 'directory') return false;
  real.add(hostPath);
  return true;
}

function targetOf(entry: TarEntry): BytePath {
  return entry.linkName ?? ('' as BytePath);
}

const AUFS_NOTES = new Set<string>(['.wh..wh.aufs', '.wh..wh.orph', '.wh..wh.plnk']);

/** ext4 keeps times from 1901 to 2446; what is outside would be refused or wrap around. */
const MIN_TIME = -(2 ** 31);
const MAX_TIME = 15_032_385_535;

function mtimeOf({ mtime }: TarEntry): bigint {
  return BigInt(Math.max(MIN_TIME, Math.min(MAX_TIME, mtime))) * 1_000_000_000n;
}

function openNew(hostPath: BytePath): number {
  const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
  return openSync(fsPath(hostPath), O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY, 0o600);
}
