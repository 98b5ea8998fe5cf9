import { mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { BytePath } from '../core/bytes.ts';
import type { UnpackLimits } from '../layer/unpack-limits.ts';
import { unpackLayer, type UnpackedLayer } from '../layer/unpack.ts';
import { openChainTree } from '../tree/chain-tree.ts';
import type { FileTree, TreeNode } from '../tree/file-tree.ts';
import { tarArchiveOf, type EntrySketch } from './tar-builder.ts';

/** Unpacks a layer, compressed or not, into `dir`, which is made. */
export async function unpackBytes(
  bytes: Buffer,
  dir: string,
  options: { readonly lower?: FileTree; readonly limits?: Partial<UnpackLimits> } = {},
): Promise<UnpackedLayer> {
  const { lower, limits } = options;
  mkdirSync(dir);
  async function* chunks(): AsyncGenerator<Uint8Array> {
    // Odd pieces, so that nothing depends on where a chunk ends.
    for (let at = 0; at < bytes.length; at += 1000)
      yield await Promise.resolve(bytes.subarray(at, at + 1000));
  }
  const { signal } = new AbortController();
  return unpackLayer(chunks(), dir, { lower, expectedDiffId: undefined, limits }, signal);
}

/** Unpacks layers on each other into new directories of `base`; the merged result. */
export async function unpackAll(
  base: string,
  ...layers: readonly (readonly EntrySketch[])[]
): Promise<FileTree> {
  const dirs: string[] = [];
  for (const [i, layer] of layers.entries()) {
    const dir = join(base, `layer${String(i)}`);
    await unpackBytes(tarArchiveOf(...layer), dir, { lower: openChainTree([...dirs]) });
    dirs.unshift(dir);
  }
  return openChainTree(dirs);
}

/** The node at a path of a tree. */
export function look(tree: FileTree, path: string, followsLast = false): TreeNode | undefined {
  return tree.lookup(path as BytePath, { followsLast });
}

/** Bytes of a file of a tree, one char each; undefined when it is not there. */
export function read(tree: FileTree, path: string): string | undefined {
  const node = look(tree, path, true);
  return node === undefined ? undefined : readFileSync(node.hostPath, 'latin1');
}
