import { lstatSync, mkdirSync, readdirSync, type BigIntStats } from 'node:fs';
import { join } from 'node:path';
import { createBreather, type Breather } from '../core/breathe.ts';
import { fsPath, textToBytes, type BytePath } from '../core/bytes.ts';
import { listEntries } from '../host/list-entries.ts';
import { copyFileUp, copyMetadata } from '../tree/copy-up.ts';
import type { FileTree, TreeNode } from '../tree/file-tree.ts';
import { joinPath, readNode, ROOT } from '../tree/node.ts';
import { foldChanges, type Identity } from './fold-changes.ts';
import type { MountedChain, Mounter, MountRequest } from './mounter.ts';
import { removeSlowly } from './remove-tree.ts';

/**
 * Shows a chain without overlayfs: all of its files are copied into one directory (their blocks are
 * shared where the file system can), and what was changed is found afterwards by looking at every file
 * again. It takes time and room in proportion to the whole file system instead of to the changes, and
 * works wherever files can be written.
 *
 * Files with several names become files of their own, as they do when overlayfs copies one up: a step
 * that changes one name changes no other.
 */
export const copyMounter: Mounter = { mount };

async function mount(request: MountRequest, signal: AbortSignal): Promise<MountedChain> {
  const { base, path, parentTree, floor } = request;
  const tree = request.tree();
  const root = join(path, 'merged');
  mkdirSync(root, { mode: 0o700 });
  const hostRoot = textToBytes(root);
  const breather = createBreather(signal);
  const from = tree.lookup(ROOT, { followsLast: false });
  if (from !== undefined) await copyDirectory(tree, from, hostRoot, breather);
  if (floor !== undefined) layFloor(textToBytes(join(base, floor())), hostRoot);
  const identities = new Map<BytePath, Identity>();
  await identify(hostRoot, ROOT, identities, breather);
  return {
    root,
    async unmount(keeps) {
      const { signal: never } = new AbortController();
      const rest = createBreather(never);
      if (keeps) {
        const upper = textToBytes(join(path, 'fs'));
        await foldChanges({ merged: hostRoot, upper, parentTree, identities }, rest);
      }
      await removeSlowly(root, rest);
    },
  };
}

/** `to` is there. Its metadata come last, as writing into it changes its time. */
async function copyDirectory(
  tree: FileTree,
  from: TreeNode,
  to: BytePath,
  breather: Breather,
): Promise<void> {
  for (const name of tree.list(from)) {
    if (breather.isDue()) await breather.breathe();
    const node = tree.child(from, name);
    if (node === undefined || node.type === 'socket') continue;
    const target = joinPath(to, name);
    if (node.type === 'directory') {
      mkdirSync(fsPath(target), { mode: 0o700 });
      await copyDirectory(tree, node, target, breather);
    } else {
      copyFileUp(node, target);
    }
  }
  if (from.ino !== 0) copyMetadata(from, to);
}

/** Adds what is not there yet. It is there before the step, so none of it counts as changed. */
function layFloor(from: BytePath, to: BytePath): void {
  for (const { name } of listEntries(from)) {
    const node = readNode(joinPath(from, name), name);
    const target = joinPath(to, name);
    const there = readNode(target, name);
    if (node === undefined || (there !== undefined && there.type !== node.type)) continue;
    if (node.type !== 'directory') {
      if (there === undefined) copyFileUp(node, target);
      continue;
    }
    if (there === undefined) mkdirSync(fsPath(target), { mode: 0o700 });
    layFloor(node.hostPath, target);
    copyMetadata(there ?? node, target);
  }
}

async function identify(
  hostPath: BytePath,
  path: BytePath,
  identities: Map<BytePath, Identity>,
  breather: Breather,
): Promise<void> {
  const stat = lstatSync(fsPath(hostPath), { bigint: true });
  identities.set(path, identityOf(stat));
  if (!stat.isDirectory()) return;
  for (const name of readdirSync(fsPath(hostPath), { encoding: 'latin1' }) as BytePath[]) {
    if (breather.isDue()) await breather.breathe();
    await identify(joinPath(hostPath, name), joinPath(path, name), identities, breather);
  }
}

function identityOf(stat: BigIntStats): Identity {
  const { ino, birthtimeNs, ctimeNs } = stat;
  return { ino, birthtimeNs, ctimeNs, isDirectory: stat.isDirectory() };
}
