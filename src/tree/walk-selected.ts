import type { BytePath } from '../core/bytes.ts';
import type { FileTree, TreeNode } from './file-tree.ts';

/** Something that a COPY copies whole: one source, or one match of its wildcard. */
export interface SelectedRoot {
  /** What is copied, after following a symlink that was named. */
  readonly node: TreeNode;
  /** Its last name as the source gives it (a link's own); empty for the root of the tree. */
  readonly name: BytePath;
  /** Which of the files below a directory are copied; all when undefined. */
  readonly filter: WalkFilter | undefined;
}

/** Decides about the files below a root. */
export interface WalkFilter {
  /** `path` is relative to the root. */
  decide(path: BytePath): WalkDecision;
}

export interface WalkDecision {
  readonly isSelected: boolean;
  /** False for a directory: nothing below it can be selected, so it need not be listed. */
  readonly mayContain: boolean;
}

/** One file that is copied. */
export interface SelectedEntry {
  readonly node: TreeNode;
  /** Below the root; empty for the root itself. */
  readonly path: BytePath;
  /** A directory that is there only because something below it is selected. */
  readonly isParentOnly: boolean;
}

interface Frame {
  readonly entry: SelectedEntry;
  isGiven: boolean;
}

/**
 * The files of one root, directories before what is in them, names in byte order. Links are not
 * followed. The hash of a COPY and the COPY itself both read this, so they see the same files.
 */
export function* walkSelected(tree: FileTree, root: SelectedRoot): Generator<SelectedEntry> {
  const entry: SelectedEntry = { node: root.node, path: '' as BytePath, isParentOnly: false };
  yield entry;
  if (root.node.type !== 'directory') return;
  yield* walkBelow(tree, root.filter, [{ entry, isGiven: true }]);
}

/** `frames` are the directories from the root down; the last one is walked. */
function* walkBelow(
  tree: FileTree,
  filter: WalkFilter | undefined,
  frames: Frame[],
): Generator<SelectedEntry> {
  const directory = frames.at(-1);
  if (directory === undefined) return;
  const { node, path: base } = directory.entry;
  for (const name of tree.list(node)) {
    const child = tree.child(node, name);
    // Gone since the listing.
    if (child === undefined) continue;
    const path = (base === '' ? name : `${base}/${name}`) as BytePath;
    const isDirectory = child.type === 'directory';
    const decision = filter?.decide(path);
    const isSelected = decision?.isSelected !== false;
    const entry: SelectedEntry = { node: child, path, isParentOnly: !isSelected };
    if (isSelected) {
      // Without a filter, all of them are given already.
      if (filter !== undefined) yield* parentsNotGiven(frames);
      yield entry;
    }
    if (!isDirectory || decision?.mayContain === false) continue;
    frames.push({ entry, isGiven: isSelected });
    yield* walkBelow(tree, filter, frames);
    frames.pop();
  }
}

function* parentsNotGiven(frames: readonly Frame[]): Generator<SelectedEntry> {
  for (const frame of frames) {
    if (frame.isGiven) continue;
    frame.isGiven = true;
    yield frame.entry;
  }
}
