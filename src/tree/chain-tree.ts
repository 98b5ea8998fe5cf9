import { readdirSync } from 'node:fs';
import { compareBytes, fsPath, textToBytes, type BytePath } from '../core/bytes.ts';
import { listEntries } from '../host/list-entries.ts';
import type { FileTree, TreeNode } from './file-tree.ts';
import { LayerStack, StackedDirectory } from './layer-stack.ts';
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
  const [top, ...rest] = dirsTopFirst;
  if (options.isTopWritable !== true || top === undefined) {
    return openStackTree(LayerStack.of(dirsTopFirst.toReversed()));
  }
  return openWritableTree(top, LayerStack.of(rest.toReversed()));
}

/** The same for directories that share what is known of them. */
export function openStackTree(stack: LayerStack): FileTree {
  return new FrozenChain(stack);
}

/** The same for a directory that is still being written on top of such. */
export function openWritableTree(top: string, below: LayerStack): FileTree {
  return new WritableChain(textToBytes(top), new FrozenChain(below));
}

/** In so many host directories a name is looked for each time anew: that costs less than remembering it. */
const FEW_HOSTS = 8;

/** The host directories that make up a directory: few of them, top first, or those of a stack. */
type Hosts = readonly BytePath[] | StackedDirectory;

/** More than a walk is deep, in most trees. */
const MAX_LISTED = 32;

/** Directories that never change, merged. */
class FrozenChain implements FileTree {
  readonly root: TreeNode;
  /** Merged directories by path. Other files are not kept: most are looked at once. */
  readonly #directories = new Map<BytePath, TreeNode>();
  readonly #hosts = new WeakMap<TreeNode, Hosts>();
  readonly #height: number;
  /** What is in the directories that were listed last. */
  readonly #listed = new Map<TreeNode, ListedDirectory>();
  /** Names that were listed so far. */
  #names = 0;

  constructor(stack: LayerStack) {
    this.#height = stack.height;
    this.root = rootNode(stack.top);
    this.#remember(this.root, this.#hostsIn(stack.root));
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
    const hosts = this.#hostsOf(directory);
    if (hosts instanceof StackedDirectory) return this.#childIn(hosts, name, path);
    const found: TreeNode[] = [];
    for (const host of hosts) {
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
    if (hosts instanceof StackedDirectory) return hosts.names(this.#height).sort(compareBytes);
    const isSingle = hosts.length === 1 && hosts[0] === directory.hostPath;
    const names =
      (isSingle && this.#names > MANY_NAMES ? this.#look(directory) : undefined) ?? merged(hosts);
    this.#names += names.length;
    return names;
  }

  #childIn(directory: StackedDirectory, name: BytePath, path: BytePath): TreeNode | undefined {
    const place = directory.find(name, this.#height);
    if (place === undefined || place.kind === 'removed') return undefined;
    const node = readNode(place.host, path);
    if (node !== undefined && place.kind === 'directory') {
      this.#remember(node, this.#hostsIn(place.directory));
    }
    return node;
  }

  #hostsIn(directory: StackedDirectory): Hosts {
    const isMany = directory.count(this.#height) > FEW_HOSTS;
    return isMany ? directory : directory.hosts(this.#height);
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

  #remember(node: TreeNode, hosts: Hosts): void {
    this.#directories.set(node.path, node);
    this.#hosts.set(node, hosts);
  }

  /** Empty for what is no directory. A node of another tree counts by its path. */
  #hostsOf(node: TreeNode): Hosts {
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
  for (const entry of listEntries(host)) {
    const { name } = entry;
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
