import type { Inode, TreeNode } from '../tree/file-tree.ts';

/** A set of files, by device and inode: a number each, as there may be hundreds of thousands. */
export class InodeSet {
  readonly #byDevice = new Map<number, Set<Inode>>();

  has({ dev, ino }: Pick<TreeNode, 'dev' | 'ino'>): boolean {
    return this.#byDevice.get(dev)?.has(ino) === true;
  }

  add({ dev, ino }: Pick<TreeNode, 'dev' | 'ino'>): void {
    let inodes = this.#byDevice.get(dev);
    if (inodes === undefined) this.#byDevice.set(dev, (inodes = new Set()));
    inodes.add(ino);
  }
}
