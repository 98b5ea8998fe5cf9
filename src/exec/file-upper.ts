import { lstatSync, mkdirSync, readdirSync, rmdirSync, unlinkSync } from 'node:fs';
import { bytesToText, fsPath, textToBytes, type BytePath } from '../core/bytes.ts';
import { utimesNs } from '../host/sys.ts';
import { measureUpper } from '../snapshot/measure-upper.ts';
import type { ActiveSnapshot, SnapshotInfo } from '../snapshot/snapshotter.ts';
import type { FileTree, TreeNode } from '../tree/file-tree.ts';
import { joinPath, readNode, ROOT } from '../tree/node.ts';
import { isWhiteout, makeWhiteout } from '../tree/whiteout.ts';
import { isOpaque, makeOpaque } from '../tree/opaque.ts';
import { namesOf } from '../tree/resolve.ts';
import { notADirectory } from './file-errors.ts';
import { copyUpMetadata } from './file-metadata.ts';

/** A directory of the image that is in the upper directory, so that names can be added to it. */
export interface UpperDir {
  /** Absolute, without links. */
  readonly path: BytePath;
  readonly hostPath: BytePath;
  /** The directory of the parent snapshot that shows through; undefined when nothing does. */
  readonly lower: TreeNode | undefined;
}

/** A name in such a directory, free or taken. */
export interface Slot {
  readonly path: BytePath;
  readonly hostPath: BytePath;
  /** What the image has under this name now. */
  readonly existing: TreeNode | undefined;
  /** `existing` is in the upper directory. */
  readonly isInUpper: boolean;
  /** The upper directory notes that the name was removed. */
  readonly hasWhiteout: boolean;
  /** What the parent snapshot has here, whether it shows or not. */
  readonly lower: TreeNode | undefined;
}

/** What is worth getting ready for, in bytes: a layer of so much takes longer to measure than threads to start. */
const LARGE_BYTES = 64 << 20;

/**
 * Writes to the upper directory of a snapshot what the kernel would write there if it were mounted:
 * parents are copied up with their metadata, removed names become whiteouts, a new directory over a
 * removed one is opaque. All names go one at a time below a directory that is known to be real, so no
 * link leads out of it.
 */
export class Upper {
  readonly tree: FileTree;
  readonly #root: BytePath;
  readonly #parent: FileTree;
  readonly #dirs = new Map<BytePath, UpperDir>();
  #entries = 0;
  #bytes = 0;
  /** Something that was counted may be gone again. */
  #isInexact = false;

  readonly #onLarge: (() => void) | undefined;

  /** `onLarge` is called once, when files of `LARGE_BYTES` are written or being written. */
  constructor(active: ActiveSnapshot, onLarge?: () => void) {
    this.#onLarge = onLarge;
    this.tree = active.tree;
    this.#parent = active.parentTree;
    this.#root = textToBytes(active.upper);
    if (readdirSync(fsPath(this.#root)).length > 0) this.#isInexact = true;
  }

  /** The directory at `path`, copied up if need be. @throws BuildError PATH_NOT_A_DIRECTORY */
  open(path: BytePath): UpperDir {
    const known = this.#dirs.get(path);
    if (known !== undefined) return known;
    const names = namesOf(path);
    const name = names.pop();
    if (name === undefined) {
      const lower = this.#parent.lookup(ROOT, { followsLast: false });
      return this.#remember({ path: ROOT, hostPath: this.#root, lower });
    }
    const slot = this.slot(this.open(`/${names.join('/')}` as BytePath), name);
    if (slot.existing?.type !== 'directory') throw notADirectory(path);
    return this.enter(slot);
  }

  /** Looks at a name. */
  slot(directory: UpperDir, name: BytePath): Slot {
    const path = joinPath(directory.path, name);
    const hostPath = joinPath(directory.hostPath, name);
    const above = readNode(hostPath, path);
    const hasWhiteout = above !== undefined && isWhiteout(above);
    const lower =
      directory.lower === undefined ? undefined : this.#parent.child(directory.lower, name);
    const isInUpper = above !== undefined && !hasWhiteout;
    const existing = isInUpper ? above : hasWhiteout ? undefined : lower;
    return { path, hostPath, existing, isInUpper, hasWhiteout, lower };
  }

  /** A name in a directory that was made just now: nothing can be there. */
  freshSlot(directory: UpperDir, name: BytePath): Slot {
    return {
      path: joinPath(directory.path, name),
      hostPath: joinPath(directory.hostPath, name),
      existing: undefined,
      isInUpper: false,
      hasWhiteout: false,
      lower: undefined,
    };
  }

  /** The existing directory of a slot, copied up if need be. */
  enter(slot: Slot): UpperDir {
    const known = this.#dirs.get(slot.path);
    if (known !== undefined) return known;
    if (!slot.isInUpper) return this.#copyUp(slot);
    const shows = slot.lower?.type === 'directory' && !isOpaque(slot.hostPath);
    return this.#remember({ ...slot, lower: shows ? slot.lower : undefined });
  }

  /** Makes the directory of a free slot, for the caller to give it its metadata. */
  makeDirectory(slot: Slot, mode: number): UpperDir {
    this.#clear(slot);
    mkdirSync(fsPath(slot.hostPath), { mode });
    if (slot.hasWhiteout && slot.lower?.type === 'directory') makeOpaque(slot.hostPath);
    this.#entries++;
    return this.#remember({ path: slot.path, hostPath: slot.hostPath, lower: undefined });
  }

  /** Makes way for a new file that is no directory. `bytes` is its size. */
  makeRoom(slot: Slot, bytes: number): void {
    this.#clear(slot);
    this.#entries++;
    const before = this.#bytes;
    this.#bytes += bytes;
    if (before < LARGE_BYTES && this.#bytes >= LARGE_BYTES) this.#onLarge?.();
  }

  /** Removes a name and all below it. Nothing happens when it is not there. */
  remove(directory: BytePath, name: BytePath): void {
    const above = this.tree.lookup(directory, { followsLast: false });
    if (above?.type !== 'directory' || this.tree.child(above, name) === undefined) return;
    const slot = this.slot(this.open(directory), name);
    this.#isInexact = true;
    this.#dirs.clear();
    if (slot.isInUpper) removeAll(slot.hostPath);
    if (slot.lower !== undefined) makeWhiteout(slot.hostPath);
  }

  /** What was counted so far does not hold: count again at the end. */
  recount(): void {
    this.#isInexact = true;
  }

  /** Counts of what was written. */
  info(): SnapshotInfo {
    if (this.#isInexact) return measureUpper(bytesToText(this.#root));
    return { bytes: this.#bytes, entries: this.#entries, isEmpty: this.#entries === 0 };
  }

  /** Overlayfs copies a directory up before it adds to it, without a trace in the one above. */
  #copyUp(slot: Slot): UpperDir {
    const { existing } = slot;
    if (existing === undefined) throw notADirectory(slot.path);
    const above = slot.hostPath.slice(0, slot.hostPath.lastIndexOf('/')) as BytePath;
    const { atimeNs, mtimeNs } = lstatSync(fsPath(above), { bigint: true });
    mkdirSync(fsPath(slot.hostPath), { mode: 0o700 });
    copyUpMetadata(slot.hostPath, existing);
    utimesNs(above, atimeNs, mtimeNs);
    this.#entries++;
    return this.#remember({ path: slot.path, hostPath: slot.hostPath, lower: existing });
  }

  #clear(slot: Slot): void {
    if (!slot.isInUpper && !slot.hasWhiteout) return;
    this.#isInexact = true;
    unlinkSync(fsPath(slot.hostPath));
  }

  #remember(dir: UpperDir): UpperDir {
    const { path, hostPath, lower } = dir;
    const kept = { path, hostPath, lower };
    this.#dirs.set(path, kept);
    return kept;
  }
}

/** Removes a file, or a directory with all in it; never follows a link. */
function removeAll(hostPath: BytePath): void {
  if (!lstatSync(fsPath(hostPath)).isDirectory()) {
    unlinkSync(fsPath(hostPath));
    return;
  }
  for (const name of readdirSync(fsPath(hostPath), { encoding: 'latin1' })) {
    removeAll(joinPath(hostPath, name as BytePath));
  }
  rmdirSync(fsPath(hostPath));
}
