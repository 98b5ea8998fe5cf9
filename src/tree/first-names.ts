import type { BytePath } from '../core/bytes.ts';
import type { TreeNode } from './file-tree.ts';
import { InodeTable } from './inode-table.ts';
import { NameStore } from './name-store.ts';

/**
 * The first names of files that have several. Memory counts here: there may be hundreds of thousands, as the
 * store shares files between layers, of which each mostly has one name.
 */
export class FirstNames {
  readonly #names = new NameStore();
  readonly #byLayer = new Map<string, Map<number, InodeTable>>();

  /**
   * The name under which a file came before; undefined the first time, which notes its name. `layer` tells files
   * apart that the store shares between layers: those are no hard links of the image.
   */
  note({ ino, dev, nlink, type }: TreeNode, name: BytePath, layer = ''): BytePath | undefined {
    if (nlink < 2 || type === 'directory') return undefined;
    const byInode = this.#within(layer, dev);
    const first = byInode.get(ino);
    if (first !== undefined) return this.#names.get(first);
    byInode.set(ino, this.#names.add(name));
    return undefined;
  }

  #within(layer: string, dev: number): InodeTable {
    const byDevice = this.#byLayer.get(layer) ?? new Map<number, InodeTable>();
    this.#byLayer.set(layer, byDevice);
    let byInode = byDevice.get(dev);
    if (byInode === undefined) byDevice.set(dev, (byInode = new InodeTable()));
    return byInode;
  }
}
