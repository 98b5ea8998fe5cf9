import { createHash, type Hash } from 'node:crypto';
import { createBreather } from '../core/breathe.ts';
import type { BytePath } from '../core/bytes.ts';
import { digestFile } from './file-digest.ts';
import type { FileTree, TreeNode } from './file-tree.ts';
import type { HashCache } from './hash-cache.ts';
import { readLink } from './node.ts';
import { selectFiles, type Selection } from './select-files.ts';
import { walkSelected, type SelectedEntry, type SelectedRoot } from './walk-selected.ts';
import { readXattrs, type Xattr } from './xattrs.ts';

export interface HashOptions {
  /** Digests of files that were read before. The caller saves it. */
  readonly cache?: HashCache | undefined;
  /** Where is looked, for errors: `stage "builder"`. A build context knows its own name. */
  readonly origin?: string | undefined;
  /** Is given, piece by piece, the text that is hashed: content-list.ts reads it. */
  readonly keep?: ((text: string) => void) | undefined;
}

/** Changes whenever the bytes that are hashed for the same files change. */
const FORMAT = 'stagecraft content 1\n';

/**
 * Hash over exactly what a COPY of `selection` reads: for every file its name below the copied root,
 * type, mode, owner, size, link target, device number, attributes and content. Times are left out, and
 * so is where the files are in the tree. Two selections have the same hash if and only if they are
 * alike in all of these. 64 lower-case hex digits.
 *
 * @throws BuildError as `selectFiles` and `digestFile`
 */
export async function hashSelection(
  tree: FileTree,
  selection: Selection,
  options: HashOptions,
  signal: AbortSignal,
): Promise<string> {
  signal.throwIfAborted();
  const breather = createBreather(signal);
  const hash = createHash('sha256').update(FORMAT);
  const batch = new Batch(hash, options.keep);
  for (const root of selectFiles(tree, selection, options.origin)) {
    batch.add(rootRecord(root, selection));
    for (const entry of walkSelected(tree, root)) {
      if (!isContainerOnly(entry, selection)) batch.add(entryRecord(entry, options.cache));
      if (breather.isDue()) await breather.breathe();
    }
  }
  batch.flush();
  return hash.digest('hex');
}

/** Gives short strings to a hash in large pieces. All chars are bytes. */
class Batch {
  readonly #hash: Hash;
  readonly #keep: HashOptions['keep'];
  #text = '';

  constructor(hash: Hash, keep: HashOptions['keep']) {
    this.#hash = hash;
    this.#keep = keep;
  }

  add(record: string): void {
    this.#text += record;
    if (this.#text.length > 1 << 16) this.flush();
  }

  flush(): void {
    this.#hash.update(this.#text, 'latin1');
    // By now it is one flat string, so that whoever keeps it keeps a byte for a char.
    if (this.#text !== '') this.#keep?.(this.#text);
    this.#text = '';
  }
}

/** A directory whose contents are copied gives nothing of its own but its time, which does not count. */
function isContainerOnly(entry: SelectedEntry, selection: Selection): boolean {
  return entry.path === '' && entry.node.type === 'directory' && selection.copiesDirContents;
}

/** A copied directory's own name is nowhere in the result when its contents are copied. */
function rootRecord(root: SelectedRoot, selection: Selection): string {
  const isNamed = root.node.type !== 'directory' || !selection.copiesDirContents;
  return `root ${isNamed ? sized(root.name) : 'contents'}\n`;
}

/** Every field ends at a length or a separator that it cannot hold, so no two entries read the same. */
function entryRecord(entry: SelectedEntry, cache: HashCache | undefined): string {
  const { node } = entry;
  const parent = entry.isParentOnly ? ' parent' : '';
  const head = `${node.type}${parent} ${sized(entry.path)} ${node.mode} ${node.uid} ${node.gid} `;
  return `${head}${contentRecord(node, cache)}\n`;
}

function contentRecord(node: TreeNode, cache: HashCache | undefined): string {
  switch (node.type) {
    case 'file':
      return `${node.size} ${knownDigest(node, cache, digestOfFile)}`;
    case 'directory':
      return knownDigest(node, cache, digestOfDirectory);
    case 'symlink':
      return sized(readLink(node));
    case 'char-device':
    case 'block-device':
      return String(node.rdev);
    case 'fifo':
    case 'socket':
      return '';
    default:
      return node.type satisfies never;
  }
}

interface Read {
  /** The state of the file that the digest belongs to. */
  readonly node: TreeNode;
  readonly digest: Uint8Array;
}

function knownDigest(
  node: TreeNode,
  cache: HashCache | undefined,
  read: (node: TreeNode) => Read,
): string {
  const known = cache?.get(node);
  if (known !== undefined) return latin1(known);
  const fresh = read(node);
  cache?.put(fresh.node, fresh.digest);
  return latin1(fresh.digest);
}

function digestOfFile(node: TreeNode): Read {
  const read = digestFile(node);
  return { node: read.node, digest: withXattrs(read.digest, readXattrs(node.hostPath)) };
}

const NOTHING = Buffer.alloc(32);

function digestOfDirectory(node: TreeNode): Read {
  return { node, digest: withXattrs(NOTHING, readXattrs(node.hostPath)) };
}

function withXattrs(digest: Buffer, xattrs: readonly Xattr[]): Buffer {
  if (xattrs.length === 0) return digest;
  // Another hash function, as a file could hold just these bytes.
  const hash = createHash('sha512-256').update(digest);
  for (const { name, value } of xattrs) {
    hash.update(`${sized(name)} ${value.length}:`, 'latin1').update(value);
  }
  return hash.digest();
}

function sized(bytes: BytePath | string): string {
  return `${bytes.length}:${bytes}`;
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
