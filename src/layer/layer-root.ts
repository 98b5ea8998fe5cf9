import { lstatSync, mkdirSync, rmSync } from 'node:fs';
import { fsPath, textToBytes, type BytePath } from '../core/bytes.ts';
import { lsetxattr } from '../host/xattr.ts';
import type { FileTree, TreeNode } from '../tree/file-tree.ts';
import { isWhiteout, joinPath, readLink, readNode, ROOT } from '../tree/node.ts';
import { copyFileUp, copyMetadata, opaqueXattr } from './copy-up.ts';
import { badLayerEntry } from './errors.ts';

const MAX_LINKS = 255;
const MAX_DEPTH = 1024;

/** A directory of the layer that is being unpacked. */
export interface LayerDirectory {
  /** Where it is in the root: absolute, no links. */
  readonly path: BytePath;
  readonly hostPath: BytePath;
  /** False when what lies below this layer is hidden here. */
  readonly seesLower: boolean;
}

/**
 * The directory that a layer is unpacked into, as the root of a file system: names are walked one by
 * one, links are followed inside the root only, first through this layer and then through `lower`.
 * Directories that only `lower` has are made here with their mode, owner, attributes and times.
 * Nobody else writes here while a layer is unpacked, so what was looked at stays as it was.
 */
export class LayerRoot {
  readonly #hostRoot: BytePath;
  readonly #lower: FileTree | undefined;
  /** Directories that hide what `lower` has at their place. */
  readonly #opaque = new Set<BytePath>();
  /** Directories by the name they were asked for. Emptied when a name may lead elsewhere. */
  readonly #known = new Map<string, LayerDirectory>();

  constructor(dir: string, lower: FileTree | undefined) {
    this.#hostRoot = textToBytes(dir);
    this.#lower = lower;
  }

  get root(): LayerDirectory {
    return this.#directory(ROOT, true);
  }

  /** The directory that `names` lead to, made where it is not there. @throws LAYER_ENTRY_REFUSED */
  directory(names: readonly BytePath[]): LayerDirectory {
    const key = names.join('/');
    const known = this.#known.get(key);
    if (known !== undefined) return known;
    const found = this.#walk(names, key);
    this.#known.set(key, found);
    return found;
  }

  /** What is at `name` of a directory in this layer itself; undefined also for a whiteout. */
  own(directory: LayerDirectory, name: BytePath): TreeNode | undefined {
    return readNode(joinPath(directory.hostPath, name), joinPath(directory.path, name));
  }

  /** What the layers below show at `name` of a directory. */
  lower(directory: LayerDirectory, name: BytePath): TreeNode | undefined {
    if (!directory.seesLower || this.#lower === undefined) return undefined;
    return this.#lower.lookup(joinPath(directory.path, name), { followsLast: false });
  }

  /** Removes what is at `name` in this layer, whole trees included. Follows nothing. */
  remove(directory: LayerDirectory, name: BytePath): void {
    rmSync(fsPath(joinPath(directory.hostPath, name)), { recursive: true, force: true });
    this.forget();
  }

  /** Call when a name was made or removed that directories may be found by. */
  forget(): void {
    this.#known.clear();
  }

  /** Hides what `lower` has in a directory. */
  makeOpaque(directory: LayerDirectory): void {
    lsetxattr(directory.hostPath, opaqueXattr(), Buffer.from('y'));
    this.#opaque.add(directory.path);
    this.forget();
  }

  /**
   * The file that `names` lead to, for a hard link: one that only `lower` has is copied into this layer
   * first, as overlayfs does. Undefined when there is none.
   */
  linkSource(names: readonly BytePath[]): BytePath | undefined {
    const name = names.at(-1);
    if (name === undefined) return undefined;
    const directory = this.directory(names.slice(0, -1));
    const own = this.own(directory, name);
    if (own !== undefined) return isWhiteout(own) ? undefined : own.hostPath;
    const below = this.lower(directory, name);
    if (below === undefined) return undefined;
    if (below.type !== 'file' && below.type !== 'symlink') return undefined;
    const hostPath = joinPath(directory.hostPath, name);
    copyFileUp(below, hostPath);
    return hostPath;
  }

  #walk(names: readonly BytePath[], shown: string): LayerDirectory {
    if (names.length > MAX_DEPTH) throw badLayerEntry(shown, 'it is too deep');
    const pending = [...names].reverse();
    let at = this.root;
    let links = 0;
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      if (name === '..') {
        at = this.#parentOf(at);
        continue;
      }
      const own = this.own(at, name);
      const node = own ?? this.lower(at, name);
      if (node?.type === 'symlink') {
        if (++links > MAX_LINKS) throw badLayerEntry(shown, 'it leads through too many links');
        const target = readLink(node);
        if (target.startsWith('/')) at = this.root;
        pending.push(...namesOf(target).reverse());
        continue;
      }
      at = this.#enter(at, name, own, shown);
    }
    return at;
  }

  #enter(
    at: LayerDirectory,
    name: BytePath,
    own: TreeNode | undefined,
    shown: string,
  ): LayerDirectory {
    const path = joinPath(at.path, name);
    const hostPath = joinPath(at.hostPath, name);
    if (own === undefined) {
      const below = this.lower(at, name);
      if (below !== undefined && below.type !== 'directory') {
        throw badLayerEntry(shown, `"${path}" is not a directory`);
      }
      mkdirSync(fsPath(hostPath), { mode: 0o755 });
      if (below !== undefined) copyMetadata(below, hostPath);
    } else if (isWhiteout(own)) {
      rmSync(fsPath(hostPath));
      mkdirSync(fsPath(hostPath), { mode: 0o755 });
      this.makeOpaque({ path, hostPath, seesLower: false });
    } else if (own.type !== 'directory') {
      throw badLayerEntry(shown, `"${path}" is not a directory`);
    }
    return this.#directory(path, at.seesLower);
  }

  #parentOf(directory: LayerDirectory): LayerDirectory {
    const slash = directory.path.lastIndexOf('/');
    if (slash <= 0) return this.root;
    const path = directory.path.slice(0, slash) as BytePath;
    const hidden = [...this.#opaque].some((o) => path === o || path.startsWith(`${o}/`));
    return this.#directory(path, !hidden);
  }

  #directory(path: BytePath, parentSeesLower: boolean): LayerDirectory {
    const hostPath = (path === ROOT ? this.#hostRoot : `${this.#hostRoot}${path}`) as BytePath;
    return { path, hostPath, seesLower: parentSeesLower && !this.#opaque.has(path) };
  }
}

/** Names of a path without empty ones and `.`; `..` stays. */
export function namesOf(path: BytePath): BytePath[] {
  return path.split('/').filter((name) => name !== '' && name !== '.') as BytePath[];
}

/** Names of an entry: `..` is taken away with the name before it, and stops at the root. */
export function entryNames(path: BytePath): BytePath[] {
  const names: BytePath[] = [];
  for (const name of namesOf(path)) {
    if (name === '..') names.pop();
    else names.push(name);
  }
  return names;
}

/** True when a host path is a real directory. */
export function isRealDirectory(hostPath: BytePath): boolean {
  return lstatSync(fsPath(hostPath), { throwIfNoEntry: false })?.isDirectory() === true;
}
