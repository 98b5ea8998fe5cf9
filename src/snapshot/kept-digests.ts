import { existsSync, lstatSync } from 'node:fs';
import { join } from 'node:path';
import type { BytePath } from '../core/bytes.ts';
import { textToBytes } from '../core/bytes.ts';
import { readFileCapped } from '../host/atomic-file.ts';
import { replaceFile } from '../host/replace-file.ts';
import { hasCode } from '../host/sys.ts';
import {
  decodeDigestList,
  DigestList,
  type InodeDigests,
  type ListPlace,
  type StoredDigests,
} from '../tree/digest-list.ts';
import type { FileState } from '../tree/file-tree.ts';
import type { HashCache } from '../tree/hash-cache.ts';
import type { SnapshotId } from './snapshotter.ts';

/** Name of the list in the directory of its snapshot. */
export const DIGESTS_FILE = 'digests';

/** About 25 million files; a larger list is not one of ours. */
const MAX_LIST_BYTES = 1 << 30;

/**
 * Digests of files in frozen snapshots, kept beside them, so that the content key of a copy from one
 * need not read them. A file of a frozen snapshot never changes, and its inode is not given away as long
 * as the snapshot is there: so the inode is all that a digest has to be found by, until the store is copied
 * elsewhere. A snapshot also names those that it shares files with, and theirs are looked through as well.
 */
export class KeptDigests implements HashCache {
  readonly #base: string;
  /** The same as a byte path, with the slash that follows it. */
  readonly #prefix: BytePath;
  readonly #lists = new Map<string, readonly InodeDigests[]>();
  /** What was read in this process. */
  readonly #fresh = new Map<string, DigestList>();

  /** `base` has a directory for each snapshot. */
  constructor(base: string) {
    this.#base = base;
    this.#prefix = textToBytes(`${base}/`);
  }

  get(node: FileState): Uint8Array | undefined {
    const id = this.#idOf(node);
    if (id === undefined) return undefined;
    const fresh = this.#fresh.get(id)?.get(node.ino);
    if (fresh !== undefined) return fresh;
    for (const list of this.#listsOf(id)) {
      const digest = list.get(node.ino);
      if (digest !== undefined) return digest;
    }
    return undefined;
  }

  put(node: FileState, digest: Uint8Array): void {
    const id = this.#idOf(node);
    if (id === undefined) return;
    let list = this.#fresh.get(id);
    if (list === undefined) this.#fresh.set(id, (list = new DigestList()));
    list.add(node.ino, digest);
  }

  /** Adds what was read to the lists beside the snapshots. */
  save(): void {
    for (const [id, list] of this.#fresh) {
      const directory = join(this.#base, id);
      const stored = readList(directory);
      try {
        const bytes = list.encode(placeOf(directory), stored?.sources ?? [], stored);
        replaceFile(join(directory, DIGESTS_FILE), bytes);
      } catch (error) {
        // Somebody removed the snapshot meanwhile.
        if (!hasCode(error, 'ENOENT')) throw error;
      }
      this.#lists.delete(id);
    }
    this.#fresh.clear();
  }

  /** Which of these snapshots have digests, with those that they share files with. */
  sourcesAmong(ids: readonly SnapshotId[]): readonly string[] {
    const found = new Set<string>();
    for (const id of ids) {
      const directory = join(this.#base, id);
      if (!existsSync(join(directory, DIGESTS_FILE))) continue;
      found.add(id);
      for (const source of readList(directory)?.sources ?? []) found.add(source);
    }
    return [...found];
  }

  /** `<base>/<id>/…` */
  #idOf({ hostPath }: FileState): string | undefined {
    if (!hostPath.startsWith(this.#prefix)) return undefined;
    const end = hostPath.indexOf('/', this.#prefix.length);
    return end < 0 ? undefined : hostPath.slice(this.#prefix.length, end);
  }

  #listsOf(id: string): readonly InodeDigests[] {
    const known = this.#lists.get(id);
    if (known !== undefined) return known;
    const own = this.#read(id);
    const others = own?.sources.flatMap((source) => this.#read(source) ?? []) ?? [];
    const lists = own === undefined ? [] : [own, ...others];
    this.#lists.set(id, lists);
    return lists;
  }

  #read(id: string): StoredDigests | undefined {
    return readList(join(this.#base, id));
  }
}

/** What a list in the directory of a snapshot is about. Nothing changes it once the snapshot is frozen. */
export function placeOf(directory: string): ListPlace {
  return lstatSync(join(directory, 'fs'), { bigint: true });
}

function readList(directory: string): StoredDigests | undefined {
  const bytes = readFileCapped(join(directory, DIGESTS_FILE), MAX_LIST_BYTES);
  if (bytes === undefined) return undefined;
  try {
    return decodeDigestList(bytes, placeOf(directory));
  } catch (error) {
    // Somebody has just removed the snapshot.
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}
