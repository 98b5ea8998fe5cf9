import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readlinkSync,
  rmdirSync,
  symlinkSync,
  unlinkSync,
  type BigIntStats,
} from 'node:fs';
import { fsPath, textToBytes, type BytePath } from '../core/bytes.ts';
import { hasCode, utimesNs } from '../host/sys.ts';
import { badTarget } from './errors.ts';

/**
 * Makes the places in a root file system that a step needs before it starts, and takes away afterwards
 * what nobody used.
 *
 * Names are walked one by one inside the root, links included, so that nothing outside can be made,
 * changed or mounted on (CVE-2021-30465, CVE-2024-23652, CVE-2026-41579). This relies on nobody else
 * having the snapshot open: call it before the step starts and after all its processes are gone.
 */
export interface TargetRequest {
  /** Absolute path in the root, as written; links in it are followed inside the root. */
  readonly path: string;
  readonly type: 'file' | 'directory';
  /** Permissions of the place when it has to be made. runc gives a tmpfs those of the directory below it. */
  readonly mode?: number | undefined;
}

export interface WorkdirRequest {
  readonly path: string;
  /** Owner of the directories that have to be made. */
  readonly uid: number;
  readonly gid: number;
}

export interface PreparedRoot {
  /** The working directory without links, for `SandboxSpec.cwd`. */
  readonly workdir: string;
  /** The targets without links, in the order of the requests, for `SandboxMount.target`. */
  readonly targets: readonly string[];
  /**
   * Removes the places that were made for mounts and that are still empty, and gives their parent
   * directories the times they had. Never follows a link that the step may have put in the way.
   */
  restore(): void;
}

/**
 * Prepares `rootfs` (host path of the merged, writable view) for one step: `/dev`, `/proc` and `/sys`
 * become real directories, the working directory is made to stay, mount targets are made to go again.
 *
 * @throws BuildError BAD_MOUNT_TARGET for a target that is the root, lies in /dev, /proc or /sys, or
 * leads through a file
 */
export function prepareRoot(
  rootfs: string,
  workdir: WorkdirRequest,
  targets: readonly TargetRequest[],
): PreparedRoot {
  const root = new StepRoot(textToBytes(rootfs));
  try {
    for (const path of SYSTEM_DIRECTORIES) root.ensureRealDirectory(path);
    return {
      workdir: root.ensureWorkdir(workdir),
      targets: targets.map((target) => root.ensureTarget(target)),
      restore: () => {
        root.restore();
      },
    };
  } catch (error) {
    root.restore();
    throw error;
  }
}

const SYSTEM_DIRECTORIES = ['/dev', '/proc', '/sys'] as BytePath[];
const ROOT = '/' as BytePath;
const MAX_LINKS = 255;
const NEW_DIRECTORY_MODE = 0o755;
const NEW_FILE_MODE = 0o644;

/** Something to undo, newest first. */
type Change =
  | {
      readonly kind: 'made';
      readonly path: BytePath;
      readonly isDirectory: boolean;
      readonly ino: bigint;
    }
  /** A link or file that stood where a real directory has to be. */
  | {
      readonly kind: 'replaced';
      readonly path: BytePath;
      readonly link: BytePath;
      readonly stats: BigIntStats;
    };

interface Times {
  readonly before: BigIntStats;
  /** Modification time after our own change: if it is still this one, nobody else changed anything. */
  readonly ownMtimeNs: bigint;
}

class StepRoot {
  readonly #root: BytePath;
  readonly #changes: Change[] = [];
  /** Directories that got or lost an entry by us. */
  readonly #parents = new Map<BytePath, Times>();

  constructor(root: BytePath) {
    this.#root = root;
  }

  ensureRealDirectory(path: BytePath): void {
    const stats = this.#lstat(path);
    if (stats === undefined) {
      this.#make(path, 'directory', undefined);
    } else if (stats.isSymbolicLink()) {
      const link = readlinkSync(this.#host(path), { encoding: 'latin1' }) as BytePath;
      this.#touching(path, () => {
        unlinkSync(this.#host(path));
        makeDirectory(this.#host(path), NEW_DIRECTORY_MODE);
        this.#changes.push({ kind: 'replaced', path, link, stats });
      });
    } else if (!stats.isDirectory()) {
      throw badTarget(path, 'it is not a directory, and a step needs one there');
    }
  }

  ensureWorkdir({ path, uid, gid }: WorkdirRequest): string {
    const made = this.#walk(path, 'directory', (missing) => {
      makeDirectory(this.#host(missing), NEW_DIRECTORY_MODE);
      lchownSync(this.#host(missing), uid, gid);
    });
    refuseSystemPath(path, made);
    if (this.#lstat(made)?.isDirectory() !== true) throw badTarget(path, 'it is not a directory');
    return text(made);
  }

  ensureTarget({ path, type, mode }: TargetRequest): string {
    // The sandbox mounts a /dev of its own and makes the place in it.
    if (isOwnDeviceName(path)) return path;
    const made = this.#walk(path, type, (missing, missingType, isLast) => {
      refuseSystemPath(path, missing);
      this.#make(missing, missingType, isLast ? mode : undefined);
    });
    if (made === ROOT) throw badTarget(path, 'nothing can be mounted on the root');
    refuseSystemPath(path, made);
    const isDirectory = this.#lstat(made)?.isDirectory() === true;
    if (isDirectory !== (type === 'directory')) {
      throw badTarget(path, `it is ${isDirectory ? 'a directory' : 'a file'}, the mount is not`);
    }
    return text(made);
  }

  restore(): void {
    for (const change of this.#changes.splice(0).reverse()) {
      // The step may have put a link where a parent was: what is behind it is not ours.
      if (!this.#isRealPath(parentOf(change.path))) continue;
      if (change.kind === 'made') this.#remove(change.path, change.isDirectory, change.ino);
      else this.#putBack(change.path, change.link, change.stats);
    }
    for (const [path, times] of this.#parents) this.#restoreTimes(path, times);
    this.#parents.clear();
  }

  /** Follows `path` inside the root and calls `make` for each name that is not there. */
  #walk(
    path: string,
    lastType: TargetRequest['type'],
    make: (path: BytePath, type: TargetRequest['type'], isLast: boolean) => void,
  ): BytePath {
    if (!path.startsWith('/') || path.includes('\0')) throw badTarget(path, 'it is not absolute');
    const pending = namesOf(textToBytes(path)).reverse();
    let at = ROOT;
    let links = 0;
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      if (name === '..') {
        at = parentOf(at);
        continue;
      }
      const next = childOf(at, name);
      const stats = this.#lstat(next);
      if (stats === undefined) {
        // A missing name followed by `..` would have to be a directory as well.
        const isLast = pending.length === 0;
        make(next, isLast ? lastType : 'directory', isLast);
        at = next;
      } else if (stats.isSymbolicLink()) {
        if (++links > MAX_LINKS)
          throw badTarget(path, 'it leads through more than 255 symbolic links');
        const target = readlinkSync(this.#host(next), { encoding: 'latin1' }) as BytePath;
        if (target.startsWith('/')) at = ROOT;
        pending.push(...namesOf(target).reverse());
      } else {
        if (pending.length > 0 && !stats.isDirectory()) {
          throw badTarget(path, `"${text(next)}" is not a directory`);
        }
        at = next;
      }
    }
    return at;
  }

  #make(path: BytePath, type: TargetRequest['type'], mode: number | undefined): void {
    this.#touching(path, () => {
      if (type === 'directory') makeDirectory(this.#host(path), mode ?? NEW_DIRECTORY_MODE);
      else createFile(this.#host(path), mode ?? NEW_FILE_MODE);
      const { ino } = lstatSync(this.#host(path), { bigint: true });
      this.#changes.push({ kind: 'made', path, isDirectory: type === 'directory', ino });
    });
  }

  #touching(path: BytePath, change: () => void): void {
    const parent = parentOf(path);
    const before = this.#parents.get(parent)?.before ?? this.#lstat(parent);
    change();
    const after = this.#lstat(parent);
    if (before === undefined || after === undefined) return;
    this.#parents.set(parent, { before, ownMtimeNs: after.mtimeNs });
  }

  #remove(path: BytePath, isDirectory: boolean, ino: bigint): void {
    const stats = this.#lstat(path);
    if (stats?.ino !== ino || stats.isDirectory() !== isDirectory) return;
    if (isDirectory) {
      if (readdirSync(this.#host(path)).length > 0) return;
    } else if (!stats.isFile() || stats.size !== 0n) {
      return;
    }
    this.#keepingTimes(parentOf(path), () => {
      if (isDirectory) rmdirSync(this.#host(path));
      else unlinkSync(this.#host(path));
    });
  }

  #putBack(path: BytePath, link: BytePath, stats: BigIntStats): void {
    this.#keepingTimes(parentOf(path), () => {
      try {
        rmdirSync(this.#host(path));
      } catch (error) {
        // Files that were written below it stay: the step's own doing.
        if (hasCode(error, 'ENOTEMPTY', 'ENOENT', 'ENOTDIR')) return;
        throw error;
      }
      symlinkSync(fsPath(link), this.#host(path));
      lchownSync(this.#host(path), Number(stats.uid), Number(stats.gid));
      utimesNs(childHost(this.#root, path), stats.atimeNs, stats.mtimeNs);
    });
  }

  /** Our own tidying is no change of the step: a time it left on the directory stays. */
  #keepingTimes(parent: BytePath, change: () => void): void {
    const before = this.#lstat(parent);
    change();
    if (before === undefined) return;
    utimesNs(childHost(this.#root, parent), before.atimeNs, before.mtimeNs);
  }

  #restoreTimes(path: BytePath, { before, ownMtimeNs }: Times): void {
    if (!this.#isRealPath(path)) return;
    if (this.#lstat(path)?.mtimeNs !== ownMtimeNs) return;
    utimesNs(childHost(this.#root, path), before.atimeNs, before.mtimeNs);
  }

  /** True when every component is a directory and none a link. */
  #isRealPath(path: BytePath): boolean {
    let at = ROOT;
    for (const name of namesOf(path)) {
      at = childOf(at, name);
      if (this.#lstat(at)?.isDirectory() !== true) return false;
    }
    return true;
  }

  #lstat(path: BytePath): BigIntStats | undefined {
    try {
      return lstatSync(this.#host(path), { bigint: true, throwIfNoEntry: false });
    } catch (error) {
      if (hasCode(error, 'ENOTDIR', 'ENAMETOOLONG')) return undefined;
      throw error;
    }
  }

  #host(path: BytePath): string | Buffer {
    return fsPath(childHost(this.#root, path));
  }
}

/** Names in /dev that every sandbox makes itself. */
const DEVICE_NAMES = new Set(
  'console core fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero'.split(
    ' ',
  ),
);

/** `/dev/pipes`, where BuildKit puts the scripts of here-documents, `/dev/dri/card0`, and the like. */
function isOwnDeviceName(path: string): boolean {
  const name = /^\/dev\/([A-Za-z0-9_-][A-Za-z0-9._:-]*)(?:\/[A-Za-z0-9_-][A-Za-z0-9._:-]*)*$/.exec(
    path,
  )?.[1];
  return name !== undefined && !DEVICE_NAMES.has(name);
}

function refuseSystemPath(asked: string, path: BytePath): void {
  for (const system of SYSTEM_DIRECTORIES) {
    if (path === system || path.startsWith(`${system}/`)) {
      throw badTarget(asked, `it lies in "${system}", which the step gets from the sandbox`);
    }
  }
}

/** The umask of this process must not show in images, so modes are set once more. */
function makeDirectory(path: string | Buffer, mode: number): void {
  mkdirSync(path, mode);
  chmodSync(path, mode);
}

function createFile(path: string | Buffer, mode: number): void {
  const { O_CREAT, O_EXCL, O_WRONLY, O_NOFOLLOW } = constants;
  const fd = openSync(path, O_CREAT | O_EXCL | O_WRONLY | O_NOFOLLOW, mode);
  fchmodSync(fd, mode);
  closeSync(fd);
}

function namesOf(path: BytePath): BytePath[] {
  return path.split('/').filter((name) => name !== '' && name !== '.') as BytePath[];
}

function parentOf(path: BytePath): BytePath {
  return (path.slice(0, Math.max(path.lastIndexOf('/'), 0)) || '/') as BytePath;
}

function childOf(directory: BytePath, name: BytePath): BytePath {
  return (directory === ROOT ? `/${name}` : `${directory}/${name}`) as BytePath;
}

function childHost(root: BytePath, path: BytePath): BytePath {
  return (path === ROOT ? root : `${root}${path}`) as BytePath;
}

function text(path: BytePath): string {
  return Buffer.from(path, 'latin1').toString('utf8');
}
