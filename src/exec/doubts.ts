import type { BytePath } from '../core/bytes.ts';
import type { BatchPool } from '../host/batch-pool.ts';
import { contextChanged } from '../tree/errors.ts';
import { digestFile, fileState } from '../tree/file-digest.ts';
import type { FileLocation, TreeNode } from '../tree/file-tree.ts';
import { isSameFile } from '../tree/hash-cache.ts';
import { readNode } from '../tree/node.ts';
import type { CopiedInode, PlainCopy } from './plain-copy.ts';

/**
 * What was copied from a build context and may be something else than what was hashed, because its
 * source changed in between. Mostly nothing: then nobody need look at the context again.
 */
export class Doubts {
  readonly #files: { readonly source: FileLocation; readonly copy: BytePath }[] = [];
  #isAny = false;

  /** True when something has to be looked at again. */
  get isAny(): boolean {
    return this.#isAny;
  }

  /** Adds the copy to `copies`, and doubts it when its source is not what it was; else `use` is told. */
  copy(
    job: PlainCopy,
    copies: BatchPool<PlainCopy, CopiedInode | undefined>,
    use: (inode: CopiedInode) => void,
  ): void {
    copies.add(job, (inode) => {
      if (inode !== undefined) {
        use(inode);
        return;
      }
      this.#isAny = true;
      this.#files.push({ source: job.source, copy: job.to });
    });
  }

  /** Call after what is not a regular file was copied. */
  look(node: TreeNode): void {
    const now = readNode(node.hostPath, node.path);
    if (now === undefined || !isSameFile(now, node)) this.#isAny = true;
  }

  /** Something was read in a way that this does not follow. */
  note(): void {
    this.#isAny = true;
  }

  /**
   * Reads the doubtful files again, when the context as a whole was found to be what was hashed.
   * @throws BuildError CONTEXT_CHANGED when a copy has other bytes
   */
  check(): void {
    for (const { source, copy } of this.#files) {
      if (!digestNow(source).equals(digestNow({ path: source.path, hostPath: copy }))) {
        throw contextChanged(source.path);
      }
    }
  }
}

function digestNow({ hostPath, path }: FileLocation): Buffer {
  const node = readNode(hostPath, path);
  if (node === undefined) throw contextChanged(path);
  return digestFile(fileState(node)).digest;
}
