import { createHash, type Hash } from 'node:crypto';
import { createBreather } from '../core/breathe.ts';
import type { BytePath } from '../core/bytes.ts';
import { openBatchPool, type BatchPool } from '../host/batch-pool.ts';
import { FILE_DIGESTS, fileState, withXattrs, type ContentDigest } from './file-digest.ts';
import type { FileState, FileTree, NodeType, TreeNode } from './file-tree.ts';
import type { HashCache } from './hash-cache.ts';
import { readLink } from './node.ts';
import { selectFiles, type Selection } from './select-files.ts';
import type { SelectionMemo } from './selection-memo.ts';
import { readSelectionState } from './selection-state.ts';
import { walkSelected, type SelectedEntry, type SelectedRoot } from './walk-selected.ts';
import { readXattrs } from './xattrs.ts';

export interface HashOptions {
  /** Digests of files that were read before. The caller saves it. */
  readonly cache?: HashCache | undefined;
  /** Hashes of selections that were hashed before, by the state of their files. The caller saves it. */
  readonly memo?: Pick<SelectionMemo, 'get' | 'put'> | undefined;
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
  const roots = selectFiles(tree, selection, options.origin);
  const { memo } = options;
  const state = memo && (await readSelectionState(tree, selection, roots, breather));
  const known = state && memo.get(state);
  if (known !== undefined) return known;
  const hash = createHash('sha256').update(FORMAT);
  const batch = new Batch(hash, options.keep);
  await using digests = openBatchPool(FILE_DIGESTS);
  const deps: RecordDeps = { cache: options.cache, digests, batch, hasChanged: false };
  for (const root of roots) {
    batch.add(rootRecord(root, selection));
    for (const entry of walkSelected(tree, root)) {
      if (!isContainerOnly(entry, selection)) addEntry(entry, deps);
      if (breather.isDue()) await breather.breathe();
    }
  }
  await digests.finish();
  batch.flush();
  const result = hash.digest('hex');
  if (state !== undefined && !deps.hasChanged) memo?.put(state, result);
  return result;
}

interface RecordDeps {
  readonly cache: HashCache | undefined;
  readonly digests: BatchPool<FileState, ContentDigest>;
  readonly batch: Batch;
  /** Whether a file was in another state when it was read than when it was listed. */
  hasChanged: boolean;
}

/** Gives short strings to a hash in large pieces and in their order. All chars are bytes. */
class Batch {
  readonly #hash: Hash;
  readonly #keep: HashOptions['keep'];
  #text = '';
  /** From the first string on that is not known yet. What was passed on is cut off now and then. */
  #waiting: { text: string | undefined }[] = [];
  #passed = 0;

  constructor(hash: Hash, keep: HashOptions['keep']) {
    this.#hash = hash;
    this.#keep = keep;
  }

  add(record: string): void {
    if (this.#waiting.length > 0) this.#waiting.push({ text: record });
    else this.#append(record);
  }

  /** Keeps the place of a string that becomes known before `flush`. */
  addLater(): (record: string) => void {
    const place: { text: string | undefined } = { text: undefined };
    this.#waiting.push(place);
    return (record) => {
      place.text = record;
      if (this.#waiting[this.#passed] === place) this.#pass();
    };
  }

  flush(): void {
    this.#pass();
    this.#write();
  }

  /** Passes on what is known up to the next string that is not. */
  #pass(): void {
    const waiting = this.#waiting;
    for (let next = waiting[this.#passed]; next?.text !== undefined; next = waiting[this.#passed]) {
      this.#append(next.text);
      this.#passed++;
    }
    if (this.#passed === waiting.length) this.#waiting = [];
    else if (this.#passed < CUT_AT) return;
    else this.#waiting = waiting.slice(this.#passed);
    this.#passed = 0;
  }

  #append(record: string): void {
    this.#text += record;
    if (this.#text.length > 1 << 16) this.#write();
  }

  #write(): void {
    this.#hash.update(this.#text, 'latin1');
    // By now it is one flat string, so that whoever keeps it keeps a byte for a char.
    if (this.#text !== '') this.#keep?.(this.#text);
    this.#text = '';
  }
}

const CUT_AT = 1024;

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
function addEntry(entry: SelectedEntry, deps: RecordDeps): void {
  const { cache, digests, batch } = deps;
  const { node } = entry;
  const parent = entry.isParentOnly ? ' parent' : '';
  const head = `${node.type}${parent} ${sized(entry.path)} ${node.mode} ${node.uid} ${node.gid} `;
  if (node.type !== 'file') {
    batch.add(`${head}${contentRecord(node, node.type, cache)}\n`);
    return;
  }
  const withDigest = (digest: string): string => `${head}${node.size} ${digest}\n`;
  const known = cache?.get(node);
  if (known !== undefined) {
    batch.add(withDigest(latin1(known)));
    return;
  }
  const fill = batch.addLater();
  digests.add(fileState(node), ({ digest, newer }) => {
    if (newer !== undefined) deps.hasChanged = true;
    cache?.put(newer ?? node, Buffer.from(digest, 'latin1'));
    fill(withDigest(digest));
  });
}

function contentRecord(
  node: TreeNode,
  type: Exclude<NodeType, 'file'>,
  cache: HashCache | undefined,
): string {
  switch (type) {
    case 'directory':
      return directoryRecord(node, cache);
    case 'symlink':
      return sized(readLink(node));
    case 'char-device':
    case 'block-device':
      return String(node.rdev);
    case 'fifo':
    case 'socket':
      return '';
    default:
      return type satisfies never;
  }
}

/** Directories have attributes only. */
function directoryRecord(node: TreeNode, cache: HashCache | undefined): string {
  const known = cache?.get(node);
  if (known !== undefined) return latin1(known);
  const digest = withXattrs(NO_CONTENT, readXattrs(node.hostPath));
  cache?.put(node, digest);
  return latin1(digest);
}

const NO_CONTENT = Buffer.alloc(32);

function sized(bytes: BytePath | string): string {
  return `${bytes.length}:${bytes}`;
}

function latin1(bytes: Uint8Array): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('latin1');
}
