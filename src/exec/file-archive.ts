import { closeSync, constants, openSync, symlinkSync } from 'node:fs';
import { fsPath, type BytePath } from '../core/bytes.ts';
import { writeAll } from '../host/atomic-file.ts';
import { hasCode, makeDevice, mkfifo, mknod, NODE_TYPE } from '../host/sys.ts';
import type { TarEntry } from '../layer/tar-entry.ts';
import { readTar, type ReadEntry } from '../layer/tar-read.ts';
import { makeHardLink } from '../tree/hard-link.ts';
import type { TreeNode } from '../tree/file-tree.ts';
import { DEFAULT_UNPACK_LIMITS } from '../layer/unpack-limits.ts';
import { readNode } from '../tree/node.ts';
import { namesOf } from '../tree/resolve.ts';
import { isContentXattr } from '../tree/xattrs.ts';
import { plainArchive } from './file-archive-bytes.ts';
import type { CopyScope } from './file-copy.ts';
import { createLike } from './file-content.ts';
import { makeDirectories, resolveDestination } from './file-destination.ts';
import { archiveTooLarge, badArchiveEntry, deviceNotPermitted } from './file-errors.ts';
import { setMetadata, setMode, setOwner, setTime, setXattr } from './file-metadata.ts';
import type { OwnerIds } from './file-owner.ts';
import type { Slot } from './file-upper.ts';

/** Where the entries of an archive go. */
export interface Unpacking {
  /** Where to unpack; absolute, without links. Made when it is not there. */
  readonly destination: BytePath;
  /** `--chown`, instead of the owners in the archive. */
  readonly owner: OwnerIds | undefined;
  readonly scope: Pick<CopyScope, 'upper' | 'breather'>;
}

/**
 * Unpacks the file `archive` as ADD does when it is a tar archive, compressed or not; false when it is
 * none, whatever its name. `--chmod` does not apply.
 *
 * @throws BuildError
 */
export async function tryUnpack(
  archive: TreeNode,
  unpacking: Unpacking,
  signal: AbortSignal,
): Promise<boolean> {
  const entries = readTar(plainArchive(archive, signal));
  try {
    const first = await firstEntry(entries);
    if (first === undefined) return false;
    await unpackEntries(withFirst(first, entries), unpacking);
    return true;
  } finally {
    await entries.return();
  }
}

/**
 * Unpacks the entries of an archive. Semantics: moby `go-archive` Unpack in a chroot. The destination is
 * the root for every path and link in the archive, so nothing lands outside it. What is in the way is
 * replaced, directories are merged. `.wh.` names mean nothing special here.
 *
 * @throws BuildError
 */
export async function unpackEntries(
  entries: AsyncIterable<ReadEntry>,
  unpacking: Unpacking,
): Promise<void> {
  const { destination, scope, owner } = unpacking;
  makeDirectories(scope.upper, destination, { mode: 0o755, owner });
  const unpacker = new Unpacker(unpacking);
  for await (const entry of boundedEntries(entries, DEFAULT_UNPACK_LIMITS.entries)) {
    await unpacker.unpack(entry);
    if (scope.breather.isDue()) await scope.breather.breathe();
  }
  unpacker.finish();
  // Entries of an archive can replace one another.
  scope.upper.recount();
}

/** The entries, as long as they are no more than `max`. @throws BuildError ARCHIVE_TOO_LARGE */
export async function* boundedEntries(
  entries: AsyncIterable<ReadEntry>,
  max: number,
): AsyncGenerator<ReadEntry, void> {
  let count = 0;
  for await (const entry of entries) {
    if (++count > max) {
      throw archiveTooLarge(entry.entry.name, `it is entry ${count}, and ${max} are the limit`);
    }
    yield entry;
  }
}

async function* withFirst(
  first: ReadEntry,
  rest: AsyncGenerator<ReadEntry, void>,
): AsyncGenerator<ReadEntry, void> {
  yield first;
  yield* rest;
}

/** A file whose beginning cannot be read as an archive is not one. */
async function firstEntry(
  entries: AsyncGenerator<ReadEntry, void>,
): Promise<ReadEntry | undefined> {
  try {
    const { value, done } = await entries.next();
    return done === true ? undefined : value;
  } catch (error) {
    if (hasCode(error, 'TAR_INVALID', 'COMPRESSION_INVALID', 'FILTER_FAILED')) return undefined;
    throw error;
  }
}

const MAX_TIME_SECONDS = 2 ** 33;

class Unpacker {
  readonly #unpacking: Unpacking;
  /** Times of directories, set when nothing is added to them any more. */
  readonly #times: (() => void)[] = [];

  constructor(unpacking: Unpacking) {
    this.#unpacking = unpacking;
  }

  async unpack(read: ReadEntry): Promise<void> {
    const { entry } = read;
    const names = namesOf(entry.name);
    const slot = this.#slot(names);
    if (slot === undefined) {
      if (entry.type !== 'directory') throw badArchiveEntry(entry.name, 'it has no name');
      return;
    }
    const made = entry.type === 'directory' ? this.#makeDirectory(slot) : undefined;
    if (made === undefined && !(await this.#makeFile(entry, slot, () => read.content()))) return;
    this.#setMetadata(entry, slot);
  }

  finish(): void {
    for (const setTimes of this.#times) setTimes();
  }

  /** The place of a name below the destination, its parents made; undefined for the destination. */
  #slot(names: readonly BytePath[]): Slot | undefined {
    const { destination, scope } = this.#unpacking;
    const { upper } = scope;
    const clean: BytePath[] = [];
    for (const name of names) {
      if (name === '..') clean.pop();
      else clean.push(name);
    }
    const last = clean.pop();
    if (last === undefined) return undefined;
    const above = resolveDestination(upper.tree, clean.join('/') as BytePath, destination);
    makeDirectories(upper, above, { mode: 0o755, owner: { uid: 0, gid: 0 } });
    return upper.slot(upper.open(above), last);
  }

  #makeDirectory(slot: Slot): true {
    const { upper } = this.#unpacking.scope;
    if (slot.existing?.type === 'directory') upper.enter(slot);
    else upper.makeDirectory(this.#cleared(slot), 0o700);
    return true;
  }

  /** False for what cannot be here and is left out. */
  async #makeFile(
    entry: TarEntry,
    old: Slot,
    content: () => AsyncIterable<Uint8Array>,
  ): Promise<boolean> {
    const { upper } = this.#unpacking.scope;
    // Looked up before the way is cleared: an entry may be a link to what it replaces.
    const linked = entry.type === 'hardlink' ? this.#linkSource(entry, old) : undefined;
    const slot = this.#cleared(old);
    upper.makeRoom(slot, entry.size);
    const at = fsPath(slot.hostPath);
    switch (entry.type) {
      case 'file':
        await writeContent(slot.hostPath, content());
        return true;
      case 'symlink':
        symlinkSync(fsPath(entry.linkName ?? entry.name), at);
        return true;
      case 'hardlink':
        makeHardLink(linked ?? slot.hostPath, slot.hostPath, slot.path);
        return true;
      case 'fifo':
        mkfifo(slot.hostPath, 0o600);
        return true;
      case 'char-device':
      case 'block-device':
        return makeNode(entry, slot.hostPath);
      case 'directory':
        throw new TypeError('A directory is not one file');
      default:
        return entry.type satisfies never;
    }
  }

  /** A free slot: whatever had the name is gone, a directory with all that was in it. */
  #cleared(slot: Slot): Slot {
    if (slot.existing === undefined) return slot;
    const { upper } = this.#unpacking.scope;
    const above = slot.path.slice(0, Math.max(slot.path.lastIndexOf('/'), 1)) as BytePath;
    const name = slot.path.slice(slot.path.lastIndexOf('/') + 1) as BytePath;
    upper.remove(above, name);
    return upper.slot(upper.open(above), name);
  }

  /** The file that a hard link names, in the upper directory: links cannot cross layers. */
  #linkSource(entry: TarEntry, own: Slot): BytePath {
    const { upper } = this.#unpacking.scope;
    const slot = this.#slot(namesOf(entry.linkName ?? entry.name));
    const { existing } = slot ?? {};
    if (slot === undefined || existing === undefined || existing.type === 'directory') {
      throw badArchiveEntry(entry.name, 'it links to a file that is not there');
    }
    if (slot.path === own.path) throw badArchiveEntry(entry.name, 'it links to itself');
    if (slot.isInUpper) return slot.hostPath;
    upper.makeRoom(slot, existing.size);
    createLike(existing, slot.hostPath);
    setMetadata(slot.hostPath, slot.path, existing, existing);
    return slot.hostPath;
  }

  #setMetadata(entry: TarEntry, { hostPath, path }: Slot): void {
    setOwner(hostPath, path, this.#unpacking.owner ?? entry);
    // A hard link may be another name of a symlink, which has no mode of its own.
    if (readNode(hostPath, path)?.type !== 'symlink') {
      for (const { name, value } of entry.xattrs) {
        if (isContentXattr(name)) setXattr(hostPath, name, value);
      }
      // After the owner, whose change takes set-id bits away.
      setMode(hostPath, entry.mode);
    }
    const time = nanoseconds(entry.mtime);
    if (entry.type === 'directory') {
      this.#times.push(() => {
        setTime(hostPath, time);
      });
    } else setTime(hostPath, time);
  }
}

function makeNode(entry: TarEntry, hostPath: BytePath): boolean {
  const isCharacter = entry.type === 'char-device';
  const device = makeDevice(entry.devMajor, entry.devMinor);
  if (isCharacter && device === 0) {
    throw deviceNotPermitted(entry.name, 'number 0, 0 stands for a removed file');
  }
  try {
    mknod(hostPath, (isCharacter ? NODE_TYPE.charDevice : NODE_TYPE.blockDevice) | 0o600, device);
    return true;
  } catch (error) {
    // Nobody can create devices in a user namespace; ADD leaves them out there, as Docker does.
    if (hasCode(error, 'EPERM')) return false;
    throw error;
  }
}

async function writeContent(hostPath: BytePath, content: AsyncIterable<Uint8Array>): Promise<void> {
  const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
  const fd = openSync(fsPath(hostPath), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW, 0o600);
  try {
    for await (const chunk of content) writeAll(fd, chunk);
  } finally {
    closeSync(fd);
  }
}

/** Times that no file system can hold become 1970, as in Docker. */
function nanoseconds(seconds: number): bigint {
  if (!(seconds >= 0 && seconds < MAX_TIME_SECONDS)) return 0n;
  const whole = Math.floor(seconds);
  return BigInt(whole) * 1_000_000_000n + BigInt(Math.round((seconds - whole) * 1e9));
}
