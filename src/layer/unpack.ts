import { createHash } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  linkSync,
  mkdirSync,
  openSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { createBreather } from '../core/breathe.ts';
import { bytesToText, fsPath, type BytePath } from '../core/bytes.ts';
import { finishDiffId, type DiffId } from '../core/digest.ts';
import { hasCode, makeDevice, mkfifo, mknod, NODE_TYPE, utimesNs } from '../host/sys.ts';
import type { FileTree } from '../tree/file-tree.ts';
import { joinPath } from '../tree/node.ts';
import { idMap, setOwner, setXattr } from './copy-up.ts';
import { decompress } from './decompress.ts';
import { badLayerEntry, layerTooLarge, wrongDiffId } from './errors.ts';
import { OPAQUE_WHITEOUT, WHITEOUT_PREFIX } from './layer-entries.ts';
import { entryNames, LayerRoot, type LayerDirectory } from './layer-root.ts';
import type { TarEntry } from './tar-entry.ts';
import { readTar, type ReadEntry } from './tar-read.ts';

/** What a layer is unpacked onto and checked against. */
export interface UnpackOptions {
  /** The layers below, merged; undefined for the first one. */
  readonly lower: FileTree | undefined;
  /** Undefined when nobody has promised one. */
  readonly expectedDiffId: DiffId | undefined;
}

/** What a layer turned out to be. */
export interface UnpackedLayer {
  readonly diffId: DiffId;
  /** Bytes of the uncompressed tar. */
  readonly size: number;
  /** Bytes of files. */
  readonly bytes: number;
  readonly entries: number;
}

const MAX_ENTRIES = 2_000_000;

/**
 * Unpacks a layer, compressed or not, into an empty directory in overlay upper form. Entries come from
 * strangers: whatever they name, nothing outside the directory is made, changed or followed. Absolute
 * and upward links are kept as they are; they are just never followed out of the root.
 * @throws BuildError TAR_INVALID, LAYER_ENTRY_REFUSED, LAYER_TOO_LARGE, COMPRESSION_INVALID,
 * DIFF_ID_MISMATCH. The directory is then half-filled and to be thrown away.
 */
export async function unpackLayer(
  stream: AsyncIterable<Uint8Array>,
  dir: string,
  { lower, expectedDiffId }: UnpackOptions,
  signal: AbortSignal,
): Promise<UnpackedLayer> {
  const hash = createHash('sha256');
  const counts = { size: 0, bytes: 0, entries: 0 };
  async function* measured(): AsyncGenerator<Uint8Array, void> {
    for await (const chunk of decompress(stream, signal)) {
      hash.update(chunk);
      counts.size += chunk.length;
      yield chunk;
    }
  }
  const unpacker = new Unpacker(dir, lower);
  const breather = createBreather(signal);
  for await (const read of readTar(measured())) {
    signal.throwIfAborted();
    if (++counts.entries > MAX_ENTRIES)
      throw layerTooLarge(`it has more than ${MAX_ENTRIES} files`);
    await unpacker.add(read);
    counts.bytes += read.entry.size;
    if (breather.isDue()) await breather.breathe();
  }
  unpacker.finish();
  const diffId = finishDiffId(hash);
  if (expectedDiffId !== undefined && diffId !== expectedDiffId) {
    throw wrongDiffId(expectedDiffId, diffId);
  }
  return { diffId, ...counts };
}

class Unpacker {
  readonly #root: LayerRoot;
  /** Times of directories, set at the end: making files in them changes them. */
  readonly #directoryTimes = new Map<BytePath, bigint>();

  constructor(dir: string, lower: FileTree | undefined) {
    this.#root = new LayerRoot(dir, lower);
  }

  async add({ entry, content }: ReadEntry): Promise<void> {
    const names = entryNames(entry.name);
    const name = names.pop();
    if (name === undefined) {
      this.#applyToRoot(entry);
      return;
    }
    const directory = this.#root.directory(names);
    if (name.startsWith(WHITEOUT_PREFIX)) {
      this.#whiteout(directory, name, entry);
      return;
    }
    await this.#place(directory, name, entry, content);
  }

  finish(): void {
    for (const [hostPath, mtime] of this.#directoryTimes) {
      try {
        utimesNs(hostPath, mtime, mtime);
      } catch (error) {
        // Replaced by a later entry.
        if (!hasCode(error, 'ENOENT', 'ENOTDIR')) throw error;
      }
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
      this.#root.makeOpaque(directory.path, directory.hostPath);
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
      // 0/0 is what overlayfs takes for a removed name.
      mknod(joinPath(directory.hostPath, hidden), NODE_TYPE.charDevice, 0);
      this.#root.changed(joinPath(directory.path, hidden));
    } else if (own.type === 'directory') {
      // A whiteout hides what is below this layer, never what the layer itself brings.
      this.#root.makeOpaque(own.path, own.hostPath);
    }
  }

  async #place(
    directory: LayerDirectory,
    name: BytePath,
    entry: TarEntry,
    content: ReadEntry['content'],
  ): Promise<void> {
    const hostPath = joinPath(directory.hostPath, name);
    const own = this.#root.own(directory, name);
    if (entry.type === 'hardlink') {
      this.#link(directory, name, entry);
      return;
    }
    const isKept = own?.type === 'directory' && entry.type === 'directory';
    if (own !== undefined && !isKept) this.#root.remove(own);
    switch (entry.type) {
      case 'directory':
        if (!isKept) mkdirSync(fsPath(hostPath), { mode: 0o700 });
        // What this layer had here before has hidden what is below already.
        if (own !== undefined && !isKept) this.#root.makeOpaque(own.path, hostPath);
        break;
      case 'file':
        await writeFile(hostPath, content);
        break;
      case 'symlink':
        symlinkSync(fsPath(entry.linkName ?? ('' as BytePath)), fsPath(hostPath));
        break;
      case 'fifo':
        mkfifo(hostPath, 0o600);
        break;
      case 'char-device':
      case 'block-device':
        if (!makeDeviceNode(hostPath, entry)) return;
        break;
      default:
        entry.type satisfies never;
    }
    this.#root.changed(joinPath(directory.path, name));
    this.#applyMetadata(hostPath, entry);
  }

  #link(directory: LayerDirectory, name: BytePath, entry: TarEntry): void {
    const target = entry.linkName ?? ('' as BytePath);
    const source = this.#root.linkSource(entryNames(target));
    if (source === undefined) {
      throw badLayerEntry(
        bytesToText(entry.name),
        `it links to "${bytesToText(target)}", which is not there`,
      );
    }
    const hostPath = joinPath(directory.hostPath, name);
    if (source === hostPath) return;
    const own = this.#root.own(directory, name);
    if (own !== undefined) this.#root.remove(own);
    linkSync(fsPath(source), fsPath(hostPath));
    this.#root.changed(joinPath(directory.path, name));
  }

  /** Owner before mode, as changing it clears setuid; attributes after both; times last. */
  #applyMetadata(hostPath: BytePath, entry: TarEntry): void {
    setOwner(hostPath, entry.uid, entry.gid);
    if (entry.type !== 'symlink') chmodSync(fsPath(hostPath), entry.mode);
    for (const { name, value } of entry.xattrs) {
      // What overlayfs would take for its own marks, and labels of another host.
      if (/^(trusted|user)\.overlay\.|^security\.selinux$/.test(name)) continue;
      setXattr(hostPath, name, value);
    }
    const mtimeNs = BigInt(clampTime(entry.mtime)) * 1_000_000_000n;
    if (entry.type === 'directory') this.#directoryTimes.set(hostPath, mtimeNs);
    else utimesNs(hostPath, mtimeNs, mtimeNs);
  }
}

const AUFS_NOTES = new Set<string>(['.wh..wh.aufs', '.wh..wh.orph', '.wh..wh.plnk']);

/** ext4 keeps times from 1901 to 2446; what is outside would be refused or wrap around. */
const MIN_TIME = -(2 ** 31);
const MAX_TIME = 15_032_385_535;

function clampTime(seconds: number): number {
  return Math.max(MIN_TIME, Math.min(MAX_TIME, seconds));
}

async function writeFile(hostPath: BytePath, content: ReadEntry['content']): Promise<void> {
  const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
  const fd = openSync(fsPath(hostPath), O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY, 0o600);
  try {
    for await (const chunk of content()) writeAll(fd, chunk);
  } finally {
    closeSync(fd);
  }
}

function writeAll(fd: number, chunk: Uint8Array): void {
  for (let at = 0; at < chunk.length;) at += writeSync(fd, chunk, at, chunk.length - at);
}

/** False where this user may not make devices: no step could open them either. */
function makeDeviceNode(hostPath: BytePath, entry: TarEntry): boolean {
  const { type, devMajor, devMinor } = entry;
  if (type === 'char-device' && devMajor === 0 && devMinor === 0) {
    throw badLayerEntry(bytesToText(entry.name), 'device 0/0 would remove the file below it');
  }
  const kind = type === 'char-device' ? NODE_TYPE.charDevice : NODE_TYPE.blockDevice;
  try {
    mknod(hostPath, kind | 0o600, makeDevice(devMajor, devMinor));
    return true;
  } catch (error) {
    if (hasCode(error, 'EPERM') && idMap().isNamespace) return false;
    throw error;
  }
}
