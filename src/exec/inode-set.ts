import type { TreeNode } from '../tree/file-tree.ts';
import { InodeTable } from '../tree/inode-table.ts';

/** A set of files, by device and inode. There may be hundreds of thousands. */
export class InodeSet {
  readonly #byDevice = new Map<number, InodeTable>();

  has({ dev, ino }: Pick<TreeNode, 'dev' | 'ino'>): boolean {
    return this.#byDevice.get(dev)?.get(ino) !== undefined;
  }

  add({ dev, ino }: Pick<TreeNode, 'dev' | 'ino'>): void {
    let inodes = this.#byDevice.get(dev);
    if (inodes === undefined) this.#byDevice.set(dev, (inodes = new InodeTable()));
    inodes.set(ino, 0);
  }
}
