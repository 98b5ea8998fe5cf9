import { createBreather } from '../core/breathe.ts';
import type { FileTree } from './file-tree.ts';
import { ROOT } from './node.ts';

const NS_PER_SECOND = 1_000_000_000n;

/** The time of the newest file of a tree, in seconds since 1970; undefined where there is no file. */
export async function newestFile(tree: FileTree, signal: AbortSignal): Promise<number | undefined> {
  const breather = createBreather(signal);
  const waiting = [tree.lookup(ROOT, { followsLast: true })];
  let newest: bigint | undefined;
  for (let node = waiting.pop(); node !== undefined; node = waiting.pop()) {
    if (breather.isDue()) await breather.breathe();
    if (node.type === 'directory') {
      for (const name of tree.list(node)) waiting.push(tree.child(node, name));
    } else if (node.type === 'file' && (newest === undefined || node.mtimeNs > newest)) {
      newest = node.mtimeNs;
    }
  }
  return newest === undefined ? undefined : Number(newest / NS_PER_SECOND);
}
