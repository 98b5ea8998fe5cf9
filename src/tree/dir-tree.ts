import { readdirSync, realpathSync } from 'node:fs';
import { compareBytes, fsPath, textToBytes, type BytePath } from '../core/bytes.ts';
import { listEntries, type ListedEntry } from '../host/list-entries.ts';
import { hasCode } from '../host/sys.ts';
import { unreadable } from './errors.ts';
import type { DirectoryStates, FileTree, SeenFile, TreeNode } from './file-tree.ts';
import { KNOWN, ListedDirectory, MANY_NAMES } from './listed-directory.ts';
import { joinPath, readNode, ROOT } from './node.ts';
import { resolvePath } from './resolve.ts';

export interface DirTreeOptions {
  /** Which names are there. Everything is when it is left out. */
  readonly filter?: NameFilter | undefined;
  /** Reported instead of the owner and group that files have on this host. */
  readonly owner?: { readonly uid: number; readonly gid: number } | undefined;
  readonly hidesSockets?: boolean | undefined;
  /**
   * What was looked at once stays as it was then, so that whoever looks twice sees the same files. About
   * 110 bytes of memory a file.
   */
  readonly remembers?: boolean | undefined;
}

/** Hides parts of a tree. Asked for every entry but the root, parents first. */
export interface NameFilter {
  /** False hides the node, and all that is below it. `directory` is the node that `name` is in. */
  includes(directory: TreeNode, name: BytePath, isDirectory: boolean): boolean;
}

/**
 * One host directory as a tree. `dir` itself may be a symlink; below it links are resolved inside it,
 * so that nothing outside can be named. Files that vanish while they are looked at are not there.
 * Lookups throw BuildError FILE_UNREADABLE where this process may not look.
 *
 * @throws the error of the system call when `dir` is not there
 */
export function openDirTree(dir: string, options: DirTreeOptions = {}): FileTree {
  return new DirTree(textToBytes(realpathSync(dir)), options);
}

interface Memory {
  /** Directories that were listed, by path, with what is in them. */
  readonly listed: Map<BytePath, ListedDirectory>;
  /** By path what was asked about without a listing of its directory, also that it was not there. */
  readonly nodes: Map<BytePath, TreeNode | undefined>;
  /** Directories of those. */
  readonly askedIn: Set<BytePath>;
  /** The last directory that was asked about: the next question is mostly about it as well. */
  last: { readonly directory: TreeNode; readonly listed: ListedDirectory | undefined } | undefined;
  /** Names in directories that were listed so far. */
  names: number;
}

class DirTree implements FileTree {
  readonly #dir: BytePath;
  readonly #filter: NameFilter | undefined;
  readonly #owner: DirTreeOptions['owner'];
  readonly #hidesSockets: boolean;
  /** Names that a listing let through, so that a walk asks the filter once for each. */
  readonly #listed = new WeakMap<TreeNode, ReadonlySet<BytePath>>();
  readonly #memory: Memory | undefined;
  readonly states: FileTree['states'];
  readonly seen: FileTree['seen'];

  constructor(dir: BytePath, options: DirTreeOptions) {
    this.#dir = dir;
    this.#filter = options.filter;
    this.#owner = options.owner;
    this.#hidesSockets = options.hidesSockets === true;
    if (options.remembers === true) {
      const nothing = { last: undefined, names: 0, askedIn: new Set<BytePath>() };
      const memory: Memory = { ...nothing, listed: new Map(), nodes: new Map() };
      this.#memory = memory;
      this.states = (directory) => this.#states(directory, memory);
      this.seen = () => this.#seen(memory);
    }
  }

  lookup(path: BytePath, options: { readonly followsLast: boolean }): TreeNode | undefined {
    const root = this.#remembered(ROOT, () => this.#owned(this.#read(this.#dir, ROOT)));
    if (root === undefined) return undefined;
    return resolvePath(root, this.child.bind(this), path, options.followsLast);
  }

  child(directory: TreeNode, name: BytePath): TreeNode | undefined {
    if (directory.type !== 'directory') return undefined;
    const memory = this.#memory;
    if (memory === undefined) return this.#look(directory, name);
    const listed = listedIn(memory, directory);
    const index = listed?.indexOf(name);
    if (listed !== undefined && index !== undefined) {
      this.#know(directory, listed, index, memory);
      if (listed.knownOf(index) === KNOWN.absent) return undefined;
      return listed.node(index, directory, this.#owner);
    }
    memory.askedIn.add(directory.path);
    const path = joinPath(directory.path, name);
    return this.#remembered(path, () => this.#look(directory, name));
  }

  list(directory: TreeNode): readonly BytePath[] {
    if (directory.type !== 'directory') return [];
    const memory = this.#memory;
    if (memory === undefined) return this.#names(directory);
    return this.#listing(directory, memory).names;
  }

  #listing(directory: TreeNode, memory: Memory): ListedDirectory {
    const known = memory.listed.get(directory.path);
    if (known !== undefined) return known;
    const listed = new ListedDirectory(this.#names(directory));
    memory.listed.set(directory.path, listed);
    memory.last = { directory, listed };
    memory.names += listed.names.length;
    // What was asked about before stays as it was then.
    const isFirst = !memory.askedIn.has(directory.path);
    if (isFirst && memory.names > MANY_NAMES) listed.look(directory.hostPath);
    return listed;
  }

  /** Looks at a name of a listed directory, unless that was done before. */
  #know(directory: TreeNode, listed: ListedDirectory, index: number, memory: Memory): void {
    const known = listed.knownOf(index);
    if (known === KNOWN.absent) return;
    if (known === KNOWN.nothing) {
      const name = listed.names[index] ?? ('' as BytePath);
      const path = joinPath(directory.path, name);
      const node = memory.nodes.has(path)
        ? memory.nodes.get(path)
        : this.#read(joinPath(directory.hostPath, name), path);
      if (node === undefined) listed.keepAbsent(index);
      else listed.keep(index, node);
    }
    if (this.#hidesSockets && listed.typeOf(index) === 'socket') listed.keepAbsent(index);
  }

  #states(directory: TreeNode, memory: Memory): DirectoryStates {
    const listed = this.#listing(directory, memory);
    const { names } = listed;
    for (const index of names.keys()) this.#know(directory, listed, index, memory);
    return {
      count: names.length,
      bytes: [Buffer.from(names.join('\0'), 'latin1'), ...listed.states()],
      newestNs: listed.newestNs(),
      devices: listed.devices(),
      directories: [...listed.directories()].map((index) =>
        listed.node(index, directory, this.#owner),
      ),
    };
  }

  *#seen(memory: Memory): Generator<SeenFile> {
    for (const [path, node] of memory.nodes) {
      const isListed = memory.listed.has(path);
      const hostPath = path === ROOT ? this.#dir : joinPath(this.#dir, path.slice(1) as BytePath);
      if (!isListed) yield { hostPath, node, isListed };
    }
    for (const [path, listed] of memory.listed) {
      const directory = this.lookup(path, { followsLast: false });
      if (directory === undefined) throw new TypeError(`"${path}" was listed, and is not known`);
      yield { hostPath: directory.hostPath, node: directory, isListed: true };
      for (const index of listed.names.keys()) {
        // What is absent was left out of a listing, which the directory's own times tell of.
        if (listed.knownOf(index) !== KNOWN.node) continue;
        const node = listed.node(index, directory, this.#owner);
        if (!memory.listed.has(node.path)) yield { hostPath: node.hostPath, node, isListed: false };
      }
    }
  }

  /** Also that something was not there. */
  #remembered(path: BytePath, look: () => TreeNode | undefined): TreeNode | undefined {
    const nodes = this.#memory?.nodes;
    if (nodes === undefined) return look();
    const known = nodes.get(path);
    if (known !== undefined || nodes.has(path)) return known;
    const node = look();
    nodes.set(path, node);
    return node;
  }

  #look(directory: TreeNode, name: BytePath): TreeNode | undefined {
    const path = joinPath(directory.path, name);
    const node = this.#owned(this.#read(joinPath(directory.hostPath, name), path));
    if (node === undefined || (this.#hidesSockets && node.type === 'socket')) return undefined;
    if (this.#filter === undefined) return node;
    const isListed = this.#listed.get(directory)?.has(name) === true;
    const isDirectory = node.type === 'directory';
    return isListed || this.#filter.includes(directory, name, isDirectory) ? node : undefined;
  }

  #names(directory: TreeNode): readonly BytePath[] {
    const filter = this.#filter;
    if (filter === undefined) return readNames(directory);
    const names = readEntries(directory)
      .filter((entry) => filter.includes(directory, entry.name, entry.isDirectory()))
      .map((entry) => entry.name)
      .sort(compareBytes);
    if (this.#memory === undefined) this.#listed.set(directory, new Set(names));
    return names;
  }

  #owned(node: TreeNode | undefined): TreeNode | undefined {
    return node === undefined || this.#owner === undefined ? node : { ...node, ...this.#owner };
  }

  #read(hostPath: BytePath, path: BytePath): TreeNode | undefined {
    try {
      return readNode(hostPath, path);
    } catch (error) {
      if (hasCode(error, 'EACCES', 'EPERM')) throw unreadable(path, error);
      throw error;
    }
  }
}

function listedIn(memory: Memory, directory: TreeNode): ListedDirectory | undefined {
  if (memory.last?.directory !== directory) {
    memory.last = { directory, listed: memory.listed.get(directory.path) };
  }
  return memory.last.listed;
}

function readNames(directory: TreeNode): BytePath[] {
  const read = (): string[] => readdirSync(fsPath(directory.hostPath), { encoding: 'latin1' });
  return (orVanished(directory, read) as BytePath[]).sort(compareBytes);
}

function readEntries(directory: TreeNode): readonly ListedEntry[] {
  return orVanished(directory, () => listEntries(directory.hostPath));
}

function orVanished<T>(directory: TreeNode, read: () => readonly T[]): readonly T[] {
  try {
    return read();
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR')) return [];
    if (hasCode(error, 'EACCES', 'EPERM')) throw unreadable(directory.path, error);
    throw error;
  }
}
