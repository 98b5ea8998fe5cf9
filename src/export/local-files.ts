import {
  chmodSync,
  constants,
  copyFileSync,
  existsSync,
  lchownSync,
  linkSync,
  mkdirSync,
  promises,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { createBreather } from '../core/breathe.ts';
import { fsPath, textToBytes, type BytePath } from '../core/bytes.ts';
import { temporaryNameFor } from '../host/atomic-file.ts';
import { hasCode, makeDevice, mkfifo, mknod, NODE_TYPE, utimesNs } from '../host/sys.ts';
import { lsetxattr } from '../host/xattr.ts';
import { idMap } from '../tree/copy-up.ts';
import type { LayerEntry } from '../layer/node-entry.ts';
import type { TarEntry } from '../layer/tar-entry.ts';
import { joinPath } from '../tree/node.ts';
import { cannotWriteTo } from './errors.ts';
import { entriesOfRoots } from './joined-entries.ts';
import { mergeDirectory } from './merge-directory.ts';
import type { RootToExport } from './root-entries.ts';

/** Files larger than this are copied while other work goes on. */
const LARGE_FILE_BYTES = 4 * 1024 * 1024;

export interface LocalFilesDeps {
  readonly cwd: string;
  readonly epoch?: number | undefined;
  readonly note?: ((text: string) => void) | undefined;
}

/**
 * Copies the files of images into the directory `dest`. All is written to a new directory first, which
 * becomes `dest`; where `dest` is there, its content is then moved in, so that a failure before leaves
 * nothing. No link that was in `dest` before is followed. Returns the bytes of content.
 *
 * The superuser keeps owners, devices and setuid bits. Everybody else owns the copies, so setuid and
 * setgid bits of files, which would then speak for somebody else, are taken away.
 * @throws BuildError EXPORT_WRITE
 */
export async function exportFiles(
  dest: string,
  roots: readonly RootToExport[],
  deps: LocalFilesDeps,
  signal: AbortSignal,
): Promise<number> {
  const path = resolve(deps.cwd, dest);
  try {
    const isThere = existsSync(path);
    if (isThere && !statSync(path).isDirectory()) {
      throw cannotWriteTo(dest, undefined, 'it is not a directory');
    }
    const temporary = isThere ? temporaryNameFor(join(path, 'export')) : newNameFor(path);
    try {
      mkdirSync(temporary);
      const writer = new FileWriter(textToBytes(temporary));
      await writeRoots(writer, roots, deps, signal);
      signal.throwIfAborted();
      if (isThere) mergeDirectory(textToBytes(temporary), textToBytes(path));
      else renameSync(temporary, path);
      writer.reportLosses(dest, deps.note);
      return writer.bytes;
    } finally {
      rmSync(temporary, { recursive: true, force: true });
    }
  } catch (cause) {
    throw cause instanceof Error && 'syscall' in cause ? cannotWriteTo(dest, cause) : cause;
  }
}

/** Beside a directory that is not there yet; those above it are made, as BuildKit does. */
function newNameFor(path: string): string {
  mkdirSync(resolve(path, '..'), { recursive: true });
  return temporaryNameFor(path);
}

async function writeRoots(
  writer: FileWriter,
  roots: readonly RootToExport[],
  { epoch }: LocalFilesDeps,
  signal: AbortSignal,
): Promise<void> {
  const breather = createBreather(signal);
  for (const { prefix } of roots) {
    if (prefix !== '') mkdirSync(writer.hostPath(prefix.slice(0, -1) as BytePath));
  }
  for (const entry of entriesOfRoots(roots, epoch)) {
    await writer.add(entry);
    if (breather.isDue()) await breather.breathe();
  }
  writer.finish();
}

/** Makes files in a new directory that is its own. */
class FileWriter {
  bytes = 0;
  readonly #root: BytePath;
  /** The superuser of this host, not of a user namespace, whose other ids nobody could remove. */
  readonly #keepsOwners = process.geteuid?.() === 0 && !idMap().isNamespace;
  /** Mode and time of directories, set at the end: making files in them needs one and changes the other. */
  readonly #directories: TarEntry[] = [];
  readonly #lost = { devices: new Set<BytePath>(), attributes: 0 };

  constructor(root: BytePath) {
    this.#root = root;
  }

  hostPath(name: BytePath): string | Buffer {
    return fsPath(joinPath(this.#root, name));
  }

  async add({ entry, hostPath: source }: LayerEntry): Promise<void> {
    if (!(await this.#make(entry, source))) {
      this.#lost.devices.add(entry.name);
      return;
    }
    if (entry.type === 'hardlink') return;
    this.bytes += entry.size;
    if (entry.type === 'directory') this.#directories.push(entry);
    else this.#applyMetadata(entry);
  }

  finish(): void {
    for (const entry of this.#directories.reverse()) this.#applyMetadata(entry);
  }

  reportLosses(dest: string, note: LocalFilesDeps['note']): void {
    const { devices, attributes } = this.#lost;
    const count = devices.size;
    if (count > 0) note?.(`${count} device files are not in "${dest}": only root can make them`);
    if (attributes > 0) {
      note?.(`${attributes} extended attributes are not in "${dest}": they are not allowed there`);
    }
  }

  /** False for a device that this user may not make. */
  async #make(entry: TarEntry, source: BytePath | undefined): Promise<boolean> {
    const path = this.hostPath(entry.name);
    switch (entry.type) {
      case 'directory':
        mkdirSync(path, 0o700);
        return true;
      case 'symlink':
        symlinkSync(fsPath(entry.linkName ?? ('' as BytePath)), path);
        return true;
      case 'hardlink':
        if (this.#lost.devices.has(entry.linkName ?? entry.name)) return false;
        linkSync(this.hostPath(entry.linkName ?? ('' as BytePath)), path);
        return true;
      case 'fifo':
        mkfifo(joinPath(this.#root, entry.name), 0o600);
        return true;
      case 'char-device':
      case 'block-device':
        return this.#makeDevice(entry);
      case 'file':
        await copyContent(source, path, entry.size);
        return true;
      default:
        return entry.type satisfies never;
    }
  }

  #makeDevice(entry: TarEntry): boolean {
    const type = entry.type === 'char-device' ? NODE_TYPE.charDevice : NODE_TYPE.blockDevice;
    const device = makeDevice(entry.devMajor, entry.devMinor);
    try {
      mknod(joinPath(this.#root, entry.name), type | 0o600, device);
      return true;
    } catch (error) {
      if (hasCode(error, 'EPERM')) return false;
      throw error;
    }
  }

  #applyMetadata(entry: TarEntry): void {
    const bytePath = joinPath(this.#root, entry.name);
    const path = fsPath(bytePath);
    if (this.#keepsOwners) lchownSync(path, entry.uid, entry.gid);
    const keepsAll = this.#keepsOwners || entry.type !== 'file';
    if (entry.type !== 'symlink') chmodSync(path, keepsAll ? entry.mode : entry.mode & 0o1777);
    for (const { name, value } of entry.xattrs) {
      try {
        lsetxattr(bytePath, name, value);
      } catch (error) {
        if (!hasCode(error, 'EPERM', 'ENOTSUP')) throw error;
        this.#lost.attributes++;
      }
    }
    const mtimeNs = BigInt(entry.mtime) * 1_000_000_000n;
    utimesNs(bytePath, mtimeNs, mtimeNs);
  }
}

/** Never a link to the store: who changes the copy must not change the store. */
async function copyContent(
  source: BytePath | undefined,
  path: string | Buffer,
  size: number,
): Promise<void> {
  const { COPYFILE_EXCL, COPYFILE_FICLONE } = constants;
  const mode = COPYFILE_EXCL | COPYFILE_FICLONE;
  if (source === undefined) writeFileSync(path, '', { flag: 'wx', mode: 0o600 });
  else if (size > LARGE_FILE_BYTES) await promises.copyFile(fsPath(source), path, mode);
  else copyFileSync(fsPath(source), path, mode);
}
