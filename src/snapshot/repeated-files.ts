import { readdirSync } from 'node:fs';
import { fsPath, textToBytes, type BytePath } from '../core/bytes.ts';
import type { FileTree, Inode, TreeNode } from '../tree/file-tree.ts';
import { joinPath, readNode, ROOT } from '../tree/node.ts';
import { isOpaque } from '../tree/opaque.ts';
import { isWhiteout } from '../tree/whiteout.ts';

/** Files that a layer has once more although their bytes are in a layer below. */
export interface RepeatedFiles {
  readonly files: number;
  /** Bytes of their contents. */
  readonly bytes: number;
}

/** Of what was removed, more is not remembered: a move of more files is reported in part. */
const MAX_REMOVED = 200_000;

/**
 * Finds files of the layers below that a step copied up without changing what is in them: `chmod`,
 * `chown` and `mv` of a tree do that to all of it. Size and time of change tell, which a copy keeps; no
 * content is read. `upper` is a directory in overlay upper form on top of
 * `parent`. Trees that the step made anew are only looked at when it also removed something.
 */
export function findRepeatedFiles(upper: string, parent: FileTree): RepeatedFiles {
  const search = new Search(parent);
  const root = parent.lookup(ROOT, { followsLast: false });
  search.walk(textToBytes(upper), root);
  return search.finish();
}

class Search {
  readonly #parent: FileTree;
  /** Looked at once: names of one file count as one. */
  readonly #seen = new Set<Inode>();
  /** How many files of a name, size and time were removed. */
  readonly #removed = new Map<string, number>();
  #removedCount = 0;
  /** Files and trees that are not in the layers below under their name. */
  readonly #fresh: TreeNode[] = [];
  #files = 0;
  #bytes = 0;

  constructor(parent: FileTree) {
    this.#parent = parent;
  }

  /** `below` is what the layers below have in the place of the directory, if they have one. */
  walk(directory: BytePath, below: TreeNode | undefined): void {
    for (const node of nodesIn(directory)) {
      const old = below === undefined ? undefined : this.#parent.child(below, nameOf(node));
      if (isWhiteout(node)) this.#remove(old);
      else if (node.type === 'directory') this.#walkDirectory(node, old);
      else if (node.type !== 'file') continue;
      else if (old?.type === 'file' && isAlike(node, old)) this.#count(node);
      else this.#fresh.push(node);
    }
  }

  finish(): RepeatedFiles {
    if (this.#removed.size > 0) for (const node of this.#fresh) this.#matchMoved(node);
    return { files: this.#files, bytes: this.#bytes };
  }

  #walkDirectory(node: TreeNode, old: TreeNode | undefined): void {
    if (old?.type === 'directory' && !isOpaque(node.hostPath)) {
      this.walk(node.hostPath, old);
      return;
    }
    this.#remove(old);
    this.#fresh.push(node);
  }

  #remove(old: TreeNode | undefined): void {
    if (old === undefined || ++this.#removedCount > MAX_REMOVED) return;
    if (old.type === 'file') {
      const key = keyOf(old);
      this.#removed.set(key, (this.#removed.get(key) ?? 0) + 1);
    } else if (old.type === 'directory') {
      for (const name of this.#parent.list(old)) this.#remove(this.#parent.child(old, name));
    }
  }

  #matchMoved(node: TreeNode): void {
    if (node.type === 'directory') {
      for (const child of nodesIn(node.hostPath)) this.#matchMoved(child);
      return;
    }
    const key = keyOf(node);
    const left = this.#removed.get(key) ?? 0;
    if (node.type !== 'file' || left === 0) return;
    this.#removed.set(key, left - 1);
    this.#count(node);
  }

  #count({ nlink, ino, size }: TreeNode): void {
    if (nlink > 1 && this.#seen.has(ino)) return;
    if (nlink > 1) this.#seen.add(ino);
    this.#files++;
    this.#bytes += size;
  }
}

function* nodesIn(directory: BytePath): Generator<TreeNode> {
  for (const name of readdirSync(fsPath(directory), { encoding: 'latin1' }) as BytePath[]) {
    const node = readNode(joinPath(directory, name), joinPath(ROOT, name));
    if (node !== undefined) yield node;
  }
}

function nameOf({ path }: TreeNode): BytePath {
  return path.slice(path.lastIndexOf('/') + 1) as BytePath;
}

function isAlike(a: TreeNode, b: TreeNode): boolean {
  return a.size === b.size && a.mtimeNs === b.mtimeNs;
}

function keyOf(node: TreeNode): string {
  // Busybox's mv keeps whole seconds.
  return `${nameOf(node)}/${node.size}/${node.mtimeNs / 1_000_000_000n}`;
}
