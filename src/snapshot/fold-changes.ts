import { lstatSync, mkdirSync, readdirSync, renameSync, type BigIntStats } from 'node:fs';
import type { Breather } from '../core/breathe.ts';
import { bytesToText, fsPath, type BytePath } from '../core/bytes.ts';
import { hasCode } from '../host/sys.ts';
import { copyMetadata } from '../tree/copy-up.ts';
import type { FileTree, TreeNode } from '../tree/file-tree.ts';
import { joinPath, nodeOf, readNode, ROOT } from '../tree/node.ts';
import { makeOpaque } from '../tree/opaque.ts';
import { makeWhiteout } from '../tree/whiteout.ts';
import { removeTree } from './remove-tree.ts';

/** What tells whether a file is still the one that it was. No program can set a ctime. */
export interface Identity {
  readonly ino: bigint;
  /** With the inode number alone, a new directory in the place of an old one could pass for it. */
  readonly birthtimeNs: bigint;
  readonly ctimeNs: bigint;
  readonly isDirectory: boolean;
}

/** Two states of one file system, and where their difference goes. */
export interface FoldRequest {
  /** The directory as it is now. Its changed files are moved away. */
  readonly merged: BytePath;
  /** Takes the changes, in overlay upper form; what is in it already is below them. */
  readonly upper: BytePath;
  /** What is below `upper`. */
  readonly parentTree: FileTree;
  /** What was in `merged` before, by path. */
  readonly identities: ReadonlyMap<BytePath, Identity>;
}

/**
 * Moves what was changed in `merged` to `upper`, as overlayfs would have left it there: removed names as
 * whiteouts, directories in the place of others opaque, parents of changes with their metadata.
 */
export async function foldChanges(request: FoldRequest, breather: Breather): Promise<void> {
  const fold = new Fold(request, breather);
  const root = readNode(request.merged, ROOT);
  if (root !== undefined) await fold.directory(root, ROOT);
}

class Fold {
  readonly #request: FoldRequest;
  readonly #breather: Breather;
  /** Names that there were, by directory. */
  readonly #before = new Map<BytePath, BytePath[]>();

  constructor(request: FoldRequest, breather: Breather) {
    this.#request = request;
    this.#breather = breather;
    for (const path of request.identities.keys()) {
      if (path === ROOT) continue;
      const parent = parentOf(path);
      const names = this.#before.get(parent) ?? [];
      names.push(path.slice(path.lastIndexOf('/') + 1) as BytePath);
      this.#before.set(parent, names);
    }
  }

  /** A directory that was there before. True when it is in `upper` afterwards. */
  async directory(node: TreeNode, path: BytePath): Promise<boolean> {
    const stat = lstatSync(fsPath(node.hostPath), { bigint: true });
    const was = this.#request.identities.get(path);
    const names = readdirSync(fsPath(node.hostPath), { encoding: 'latin1' }) as BytePath[];
    let isChanged = was?.ctimeNs !== stat.ctimeNs;
    for (const name of names) {
      if (this.#breather.isDue()) await this.#breather.breathe();
      const child = joinPath(path, name);
      const hostPath = joinPath(node.hostPath, name);
      if (await this.#child(hostPath, child)) isChanged = true;
    }
    const left = new Set(names);
    for (const name of this.#before.get(path) ?? []) {
      if (left.has(name)) continue;
      this.#remove(joinPath(path, name));
      isChanged = true;
    }
    // Last, as what was written into it has changed its time.
    if (isChanged) this.#settle(nodeOf(stat, node.hostPath, path), path);
    return isChanged;
  }

  async #child(hostPath: BytePath, path: BytePath): Promise<boolean> {
    const stat = lstatSync(fsPath(hostPath), { bigint: true });
    const was = this.#request.identities.get(path);
    const isSame = was !== undefined && isSameInode(was, stat);
    if (isSame && stat.isDirectory()) {
      return this.directory(nodeOf(stat, hostPath, path), path);
    }
    if (isSame && was.ctimeNs === stat.ctimeNs) return false;
    this.#move(hostPath, path, stat);
    return true;
  }

  /** A new or changed file, or a new directory with all in it. */
  #move(hostPath: BytePath, path: BytePath, stat: BigIntStats): void {
    const target = this.#makeRoom(path);
    renameSync(fsPath(hostPath), fsPath(target));
    const lower = stat.isDirectory() ? this.#lower(path) : undefined;
    if (lower !== undefined) this.#hide(lower, target);
  }

  /** Where directories cannot be marked, each name that must not show is. */
  #hide(lower: TreeNode, target: BytePath): void {
    try {
      makeOpaque(target);
    } catch (error) {
      if (!hasCode(error, 'EPERM', 'ENOTSUP')) throw error;
      this.#hideNames(lower, target);
    }
  }

  #hideNames(lower: TreeNode, target: BytePath): void {
    const { parentTree } = this.#request;
    for (const name of parentTree.list(lower)) {
      const own = readNode(joinPath(target, name), name);
      const below = parentTree.child(lower, name);
      if (own === undefined) makeWhiteout(joinPath(target, name));
      else if (own.type === 'directory' && below?.type === 'directory') {
        this.#hideNames(below, own.hostPath);
      }
    }
  }

  #remove(path: BytePath): void {
    const target = this.#makeRoom(path);
    if (this.#lower(path) !== undefined) makeWhiteout(target);
  }

  /** The place in `upper` for `path`, with nothing there, and its directory made. */
  #makeRoom(path: BytePath): BytePath {
    this.#ensureDirectory(parentOf(path));
    const target = this.#hostOf(path);
    removeTree(bytesToText(target));
    return target;
  }

  #ensureDirectory(path: BytePath): void {
    if (path === ROOT) return;
    const target = this.#hostOf(path);
    if (readNode(target, path) !== undefined) return;
    this.#ensureDirectory(parentOf(path));
    mkdirSync(fsPath(target), { mode: 0o700 });
  }

  #settle(node: TreeNode, path: BytePath): void {
    this.#ensureDirectory(path);
    copyMetadata(node, this.#hostOf(path));
  }

  #lower(path: BytePath): TreeNode | undefined {
    return this.#request.parentTree.lookup(path, { followsLast: false });
  }

  #hostOf(path: BytePath): BytePath {
    return path === ROOT ? this.#request.upper : ((this.#request.upper + path) as BytePath);
  }
}

function isSameInode(was: Identity, stat: BigIntStats): boolean {
  return (
    was.ino === stat.ino &&
    was.birthtimeNs === stat.birthtimeNs &&
    was.isDirectory === stat.isDirectory()
  );
}

function parentOf(path: BytePath): BytePath {
  const end = path.lastIndexOf('/');
  return (end === 0 ? '/' : path.slice(0, end)) as BytePath;
}
