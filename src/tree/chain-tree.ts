import { readdirSync } from 'node:fs';
import { compareBytes, fsPath, textToBytes, type BytePath } from '../core/bytes.ts';
import type { FileTree, TreeNode } from './file-tree.ts';
import { KNOWN, ListedDirectory, MANY_NAMES } from './listed-directory.ts';
import { joinPath, readNode, ROOT } from './node.ts';
import { isWhiteout } from './whiteout.ts';
import { isOpaque } from './opaque.ts';
import { resolvePath } from './resolve.ts';

export interface ChainTreeOptions {
  /**
   * The first directory is still being written: nothing about it is remembered. A directory node
   * shows what is added to it later; after the directory itself was replaced, look it up again.
   */
  readonly isTopWritable?: boolean | undefined;
}

/**
 * Overlayfs upper directories as one tree, top first, read without mounting them: what the kernel
 * would show if they were mounted together. Merged directories are remembered, so they must stay
 * as they are; `isTopWritable` makes an exception of the first. No directories make an empty tree.
 */
export function openChainTree(
  dirsTopFirst: readonly string[],
  options: ChainTreeOptions = {},
): FileTree {
  const dirs = dirsTopFirst.map(textToBytes);
  const [top, ...rest] = dirs;
  if (options.isTopWritable !== true || top === undefined) return new FrozenChain(dirs);
  return new WritableChain(top, new FrozenChain(rest));
}

/** More than a walk is deep, in most trees. */
const MAX_LISTED = 32;

/** Directories that never change, merged. */
class FrozenChain implements FileTree {
  readonly root: TreeNode;
  /** Merged directories by path. Other files are not kept: most are looked at once. */
  readonly #directories = new Map<BytePath, TreeNode>();
  /** Host directories that make up a directory node, top first. */
  readonly #hosts = new WeakMap<TreeNode, readonly BytePath[]>();
  /** What is in the directories that were listed last. */
  readonly #listed = new Map<TreeNode, ListedDirectory>();
  /** Names that were listed so far. */
  #names = 0;

  constructor(dirs: readonly BytePath[]) {
    this.root = rootNode(dirs[0]);
    this.#remember(this.root, dirs);
  }

  lookup(path: BytePath, options: { readonly followsLast: boolean }): TreeNode | undefined {
    return resolvePath(this.root, this.child.bind(this), path, options.followsLast);
  }

  child(directory: TreeNode, name: BytePath): TreeNode | undefined {
    const listed = this.#listed.get(directory);
    const index = listed?.indexOf(name);
    if (listed !== undefined && index !== undefined && isKnownFile(listed, index)) {
      return listed.node(index, directory);
    }
    const path = joinPath(directory.path, name);
    const known = this.#directories.get(path);
    if (known !== undefined) return known;
    const found: TreeNode[] = [];
    for (const host of this.#hostsOf(directory)) {
      const node = readNode(joinPath(host, name), path);
      if (node === undefined) continue;
      // A file hides what is below it; below a directory it is hidden itself.
      if (node.type !== 'directory')
        return found[0] === undefined ? visible(node) : this.#merge(found);
      found.push(node);
    }
    return this.#merge(found);
  }

  list(directory: TreeNode): readonly BytePath[] {
    const hosts = this.#hostsOf(directory);
    const [only, ...others] = hosts;
    const isSingle = only === directory.hostPath && others.length === 0;
    const names =
      (isSingle && this.#names > MANY_NAMES ? this.#look(directory) : undefined) ?? merged(hosts);
    this.#names += names.length;
    return names;
  }

  /** Whoever lists a directory mostly asks for all that is in it. Undefined when it holds whiteouts. */
  #look(directory: TreeNode): readonly BytePath[] | undefined {
    const read = readdirSync(fsPath(directory.hostPath), { encoding: 'latin1' }) as BytePath[];
    const names = read.sort(compareBytes);
    const listed = new ListedDirectory(names);
    listed.look(directory.hostPath);
    if (names.some((_, index) => mayBeWhiteout(listed, index))) return undefined;
    this.#listed.delete(directory);
    this.#listed.set(directory, listed);
    const [oldest] = this.#listed.keys();
    if (this.#listed.size > MAX_LISTED && oldest !== undefined) this.#listed.delete(oldest);
    return names;
  }

  #merge(found: readonly TreeNode[]): TreeNode | undefined {
    const [first] = found;
    if (first === undefined) return undefined;
    const hosts: BytePath[] = [];
    for (const [index, node] of found.entries()) {
      hosts.push(node.hostPath);
      if (index < found.length - 1 && isOpaque(node.hostPath)) break;
    }
    this.#remember(first, hosts);
    return first;
  }

  #remember(node: TreeNode, hosts: readonly BytePath[]): void {
    this.#directories.set(node.path, node);
    this.#hosts.set(node, hosts);
  }

  /** Empty for what is no directory. A node of another tree counts by its path. */
  #hostsOf(node: TreeNode): readonly BytePath[] {
    if (node.type !== 'directory') return [];
    const own = this.#hosts.get(node) ?? this.#hosts.get(this.#directories.get(node.path) ?? node);
    if (own !== undefined) return own;
    const again = this.lookup(node.path, { followsLast: false });
    return again === undefined ? [] : (this.#hosts.get(again) ?? []);
  }
}

/** A directory that is being written over a frozen chain. */
class WritableChain implements FileTree {
  readonly #top: BytePath;
  readonly #below: FrozenChain;
  /** The frozen directory that shows through a directory node; undefined when it hides all. */
  readonly #belowOf = new WeakMap<TreeNode, { readonly node: TreeNode | undefined }>();

  constructor(top: BytePath, below: FrozenChain) {
    this.#top = top;
    this.#below = below;
  }

  lookup(path: BytePath, options: { readonly followsLast: boolean }): TreeNode | undefined {
    return resolvePath(this.#root(), this.child.bind(this), path, options.followsLast);
  }

  child(directory: TreeNode, name: BytePath): TreeNode | undefined {
    if (directory.type !== 'directory') return undefined;
    const path = joinPath(directory.path, name);
    const showing = this.#showingThrough(directory);
    const below = showing === undefined ? undefined : this.#below.child(showing, name);
    const above = readNode(this.#topPath(path), path);
    if (above === undefined) return below === undefined ? undefined : this.#shownBelow(below);
    if (above.type !== 'directory') return visible(above);
    const merges = below?.type === 'directory' && !isOpaque(above.hostPath);
    this.#belowOf.set(above, { node: merges ? below : undefined });
    return above;
  }

  list(directory: TreeNode): readonly BytePath[] {
    if (directory.type !== 'directory') return [];
    const shown = new Map<BytePath, boolean>();
    const top = this.#topPath(directory.path);
    if (readNode(top, directory.path)?.type === 'directory') addNames(shown, top);
    const showing = this.#showingThrough(directory);
    for (const name of showing === undefined ? [] : this.#below.list(showing)) {
      if (!shown.has(name)) shown.set(name, true);
    }
    return visibleNames(shown);
  }

  #root(): TreeNode {
    const root = readNode(this.#top, ROOT) ?? this.#below.root;
    this.#belowOf.set(root, { node: this.#below.root });
    return root;
  }

  #shownBelow(node: TreeNode): TreeNode {
    if (node.type === 'directory') this.#belowOf.set(node, { node });
    return node;
  }

  #showingThrough(directory: TreeNode): TreeNode | undefined {
    const own = this.#belowOf.get(directory);
    if (own !== undefined) return own.node;
    const again = this.lookup(directory.path, { followsLast: false });
    return again === undefined ? undefined : this.#belowOf.get(again)?.node;
  }

  #topPath(path: BytePath): BytePath {
    return path === '/' ? this.#top : ((this.#top + path) as BytePath);
  }
}

/** What shows of these directories, top first. */
function merged(hosts: readonly BytePath[]): readonly BytePath[] {
  const shown = new Map<BytePath, boolean>();
  for (const host of hosts) addNames(shown, host);
  return visibleNames(shown);
}

/** Also where nothing is known of a name. */
function mayBeWhiteout(listed: ListedDirectory, index: number): boolean {
  if (listed.knownOf(index) !== KNOWN.node) return true;
  const type = listed.typeOf(index);
  return type === 'char-device' || type === 'socket';
}

/** Adds the names of `host` that are not decided by a directory above it: shown, or removed. */
function addNames(shown: Map<BytePath, boolean>, host: BytePath): void {
  for (const entry of readdirSync(fsPath(host), { encoding: 'latin1', withFileTypes: true })) {
    const name = entry.name as BytePath;
    if (shown.has(name)) continue;
    const mayBeWhiteout = entry.isCharacterDevice() || entry.isSocket();
    const node = mayBeWhiteout ? readNode(joinPath(host, name), name) : undefined;
    shown.set(name, node === undefined || !isWhiteout(node));
  }
}

function visibleNames(shown: ReadonlyMap<BytePath, boolean>): BytePath[] {
  const names: BytePath[] = [];
  for (const [name, isShown] of shown) if (isShown) names.push(name);
  return names.sort(compareBytes);
}

/** Directories may be merged ones: they are looked at by themselves. */
function isKnownFile(listed: ListedDirectory, index: number): boolean {
  return listed.knownOf(index) === KNOWN.node && listed.typeOf(index) !== 'directory';
}

function visible(node: TreeNode): TreeNode | undefined {
  return isWhiteout(node) ? undefined : node;
}

/** Stands for the root of a tree without directories: 0755, owned by root. */
const EMPTY_ROOT: TreeNode = {
  path: ROOT,
  hostPath: '/nonexistent' as BytePath,
  type: 'directory',
  mode: 0o755,
  uid: 0,
  gid: 0,
  size: 0,
  mtimeNs: 0n,
  ctimeNs: 0n,
  dev: 0,
  ino: 0,
  nlink: 2,
  rdev: 0,
};

function rootNode(host: BytePath | undefined): TreeNode {
  return (host === undefined ? undefined : readNode(host, ROOT)) ?? { ...EMPTY_ROOT };
}
