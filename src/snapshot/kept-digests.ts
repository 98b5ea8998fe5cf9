import { lstatSync } from 'node:fs';
import { join } from 'node:path';
import type { BytePath } from '../core/bytes.ts';
import { textToBytes } from '../core/bytes.ts';
import { readFileCapped } from '../host/atomic-file.ts';
import { diskError } from '../host/disk-error.ts';
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

/** Where a snapshot would name more, it takes over what the small ones say: each is one more list to look in. */
const MAX_SOURCES = 16;
/** Files of a list that is taken over. */
const SMALL_LIST = 4096;

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
  /** What was read from beside snapshots. */
  readonly #stored = new Map<string, StoredDigests | undefined>();
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

  /** Adds what was read to the lists beside the snapshots, and keeps nothing in memory. */
  save(): void {
    for (const [id, list] of this.#fresh) {
      const directory = join(this.#base, id);
      const stored = readList(directory);
      try {
        const bytes = list.encode(placeOf(directory), stored?.sources ?? [], stored);
        replaceFile(join(directory, DIGESTS_FILE), bytes);
      } catch (error) {
        // Somebody removed the snapshot meanwhile, or the disk takes no more: then files are read once more.
        if (!hasCode(error, 'ENOENT') && diskError(directory, error) === undefined) throw error;
      }
    }
    this.#lists.clear();
    this.#stored.clear();
    this.#fresh.clear();
  }

  /**
   * What is to be kept beside a snapshot in `directory` that shares files with `ids`: `list`, and where the
   * digests of those files are. Undefined when nothing is known.
   */
  encode(
    directory: string,
    list: DigestList,
    ids: Iterable<SnapshotId>,
  ): readonly Uint8Array[] | undefined {
    const found = new Map<string, StoredDigests>();
    const find = (id: string): StoredDigests | undefined => {
      const stored = this.#read(id);
      if (stored !== undefined) found.set(id, stored);
      return stored;
    };
    for (const id of ids) for (const source of find(id)?.sources ?? []) find(source);
    if (found.size > MAX_SOURCES) {
      for (const [id, stored] of found) {
        if (stored.inodes.length > SMALL_LIST) continue;
        list.addAll(stored);
        found.delete(id);
      }
    }
    if (list.size === 0 && found.size === 0) return undefined;
    return list.encode(placeOf(directory), [...found.keys()]);
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
    if (this.#stored.has(id)) return this.#stored.get(id);
    const stored = readList(join(this.#base, id));
    this.#stored.set(id, stored);
    return stored;
  }
}

/** What a list in the directory of a snapshot is about. Nothing changes it once the snapshot is frozen. */
function placeOf(directory: string): ListPlace {
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
