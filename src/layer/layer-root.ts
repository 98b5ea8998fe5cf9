import { chmodSync, mkdirSync, rmSync, unlinkSync } from 'node:fs';
import { bytesToText, fsPath, textToBytes, type BytePath } from '../core/bytes.ts';
import type { BuildError } from '../diagnostics/build-error.ts';
import type { FileTree, TreeNode } from '../tree/file-tree.ts';
import { joinPath, readLink, readNode, ROOT } from '../tree/node.ts';
import { isWhiteout, makeWhiteout } from '../tree/whiteout.ts';
import { isOpaque, makeOpaque } from '../tree/opaque.ts';
import { copyFileUp, copyMetadata } from '../tree/copy-up.ts';
import { badLayerEntry } from './errors.ts';

const MAX_LINKS = 255;
const MAX_DEPTH = 1024;

/** A directory of the layer that is being unpacked. */
export interface LayerDirectory {
  /** Where it is in the root: absolute, no links. */
  readonly path: BytePath;
  readonly hostPath: BytePath;
  /** True when the layers below have a directory here too, and it shows through. */
  readonly seesLower: boolean;
  /** Undefined for the root. */
  readonly parent: LayerDirectory | undefined;
}

/**
 * The directory that a layer is unpacked into, as the root of a file system: names are walked one by
 * one, links are followed inside the root only, first through this layer and then through `lower`.
 * Directories that only `lower` has are made here with their mode, owner, attributes and times.
 * Nobody else writes here while a layer is unpacked, so what was looked at stays as it was.
 */
export class LayerRoot {
  readonly root: LayerDirectory;
  readonly #lower: FileTree | undefined;
  /** Directories by the names they were asked for, where no link was on the way. */
  readonly #direct = new Map<string, LayerDirectory>();
  /** The same with links on the way, and the paths of these links. */
  readonly #linked = new Map<string, LayerDirectory>();
  readonly #crossed = new Set<BytePath>();
  #madeCount = 0;

  constructor(dir: string, lower: FileTree | undefined) {
    this.#lower = lower;
    this.root = {
      path: ROOT,
      hostPath: textToBytes(dir),
      seesLower: lower !== undefined,
      parent: undefined,
    };
  }

  /** Directories that were made here without an entry of their own. */
  get madeCount(): number {
    return this.#madeCount;
  }

  /** The directory that `names` lead to, made where it is not there. @throws LAYER_ENTRY_REFUSED */
  directory(names: readonly BytePath[]): LayerDirectory {
    if (names.length === 0) return this.root;
    const key = names.join('/');
    return this.#direct.get(key) ?? this.#linked.get(key) ?? this.#walk(names, key);
  }

  /** What is at `name` of a directory in this layer itself, whiteouts included. */
  own(directory: LayerDirectory, name: BytePath): TreeNode | undefined {
    return readNode(joinPath(directory.hostPath, name), joinPath(directory.path, name));
  }

  /** What the layers below show at `name` of a directory, whatever this layer has there. */
  lower(directory: LayerDirectory, name: BytePath): TreeNode | undefined {
    if (!directory.seesLower || this.#lower === undefined) return undefined;
    // The directory is one of `lower` too, without links on the way: none is followed here.
    return this.#lower.lookup(joinPath(directory.path, name), { followsLast: false });
  }

  /** Removes a node of this layer, whole trees included. Follows nothing. */
  remove({ path, hostPath, type }: TreeNode): void {
    if (type !== 'directory') {
      unlinkSync(fsPath(hostPath));
      this.changed(path);
      return;
    }
    rmSync(fsPath(hostPath), { recursive: true });
    this.#forget();
  }

  /** Call when a name was made or removed: if a link was there, it leads on no more. */
  changed(path: BytePath): void {
    if (!this.#crossed.has(path)) return;
    this.#linked.clear();
    this.#crossed.clear();
  }

  /** Hides what `lower` has in a directory. */
  hideLower(directory: LayerDirectory): void {
    if (directory.parent === undefined) this.#hideRoot();
    else this.makeOpaque(directory.hostPath);
  }

  /** Hides the name of what `lower` has. 0/0 is what overlayfs takes for a removed name. */
  makeWhiteout(path: BytePath, hostPath: BytePath): void {
    makeWhiteout(hostPath);
    this.changed(path);
  }

  /** Marks a directory that is no root as one that shows nothing of `lower`. */
  makeOpaque(hostPath: BytePath): void {
    makeOpaque(hostPath);
    this.#forget();
  }

  /**
   * What `names` lead to, for a hard link: a file that only `lower` has is copied into this layer first,
   * as overlayfs does. Undefined when there is nothing. Directories are not copied.
   */
  linkSource(names: readonly BytePath[]): TreeNode | undefined {
    const name = names.at(-1);
    if (name === undefined) return undefined;
    const directory = this.directory(names.slice(0, -1));
    const own = this.own(directory, name);
    if (own !== undefined) return isWhiteout(own) ? undefined : own;
    const below = this.lower(directory, name);
    if (below === undefined || below.type === 'directory' || below.type === 'socket') return below;
    copyFileUp(below, joinPath(directory.hostPath, name));
    this.changed(below.path);
    return this.own(directory, name);
  }

  /** Overlayfs merges roots always, so what is in them is hidden name by name. */
  #hideRoot(): void {
    const below = this.#lower?.lookup(ROOT, { followsLast: false });
    if (this.#lower === undefined || below === undefined) return;
    for (const name of this.#lower.list(below)) {
      const own = this.own(this.root, name);
      if (own?.type === 'directory') this.makeOpaque(own.hostPath);
      if (own !== undefined) continue;
      this.makeWhiteout(joinPath(ROOT, name), joinPath(this.root.hostPath, name));
    }
  }

  #forget(): void {
    this.#direct.clear();
    this.#linked.clear();
    this.#crossed.clear();
  }

  #walk(names: readonly BytePath[], key: string): LayerDirectory {
    if (names.length > MAX_DEPTH) throw badLayerEntry(shown(key), 'it is too deep');
    const pending = [...names].reverse();
    let at = this.root;
    let links = 0;
    for (let name = pending.pop(); name !== undefined; name = pending.pop()) {
      if (name === '..') {
        at = at.parent ?? this.root;
        continue;
      }
      const own = this.own(at, name);
      const node = own ?? this.lower(at, name);
      if (node?.type === 'symlink') {
        if (++links > MAX_LINKS) throw badLayerEntry(shown(key), 'it leads through too many links');
        const target = readLink(node);
        this.#crossed.add(joinPath(at.path, name));
        if (target.startsWith('/')) at = this.root;
        pending.push(...namesOf(target).reverse());
        continue;
      }
      at = this.#enter(at, name, own, key);
    }
    (links === 0 ? this.#direct : this.#linked).set(key, at);
    return at;
  }

  #enter(
    parent: LayerDirectory,
    name: BytePath,
    own: TreeNode | undefined,
    key: string,
  ): LayerDirectory {
    const path = joinPath(parent.path, name);
    const hostPath = joinPath(parent.hostPath, name);
    const below = this.lower(parent, name);
    if (own === undefined) {
      if (below !== undefined && below.type !== 'directory') throw notDirectory(key, path);
      this.#makeDirectory(hostPath);
      if (below !== undefined) copyMetadata(below, hostPath);
    } else if (isWhiteout(own)) {
      unlinkSync(fsPath(hostPath));
      this.#makeDirectory(hostPath);
      this.makeOpaque(hostPath);
    } else if (own.type !== 'directory') {
      throw notDirectory(key, path);
    }
    // Over anything but a directory, one of this layer stands alone.
    const seesLower = below?.type === 'directory' && !(own !== undefined && isOpaque(hostPath));
    return { path, hostPath, seesLower, parent };
  }

  /** A directory that the layer does not name: 0755, whatever the umask leaves of that. */
  #makeDirectory(hostPath: BytePath): void {
    mkdirSync(fsPath(hostPath));
    chmodSync(fsPath(hostPath), 0o755);
    this.#madeCount++;
  }
}

function notDirectory(key: string, path: BytePath): BuildError {
  return badLayerEntry(shown(key), `"${bytesToText(path)}" is not a directory`);
}

function shown(key: string): string {
  return bytesToText(key as BytePath);
}

/** Names of a path without empty ones and `.`; `..` stays. */
function namesOf(path: BytePath): BytePath[] {
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
