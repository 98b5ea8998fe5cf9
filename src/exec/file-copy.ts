import type { Breather } from '../core/breathe.ts';
import { textToBytes, type BytePath } from '../core/bytes.ts';
import type { BatchPool } from '../host/batch-pool.ts';
import type { CopyAction } from '../ops/op.ts';
import { makeHardLink } from '../tree/hard-link.ts';
import type { DigestList } from '../tree/digest-list.ts';
import type { FileTree, TreeNode } from '../tree/file-tree.ts';
import { FirstNames } from '../tree/first-names.ts';
import { joinPath, ROOT } from '../tree/node.ts';
import { selectFiles } from '../tree/select-files.ts';
import { walkSelected, type SelectedEntry, type SelectedRoot } from '../tree/walk-selected.ts';
import { fileState } from '../tree/file-digest.ts';
import type { Doubts } from './doubts.ts';
import { tryUnpack } from './file-archive.ts';
import { createLike, tryLink } from './file-content.ts';
import { makeDirectories, resolveDestination, type NewDirectory } from './file-destination.ts';
import { cannotChange, directoryOntoFile, fileOntoDirectory } from './file-errors.ts';
import { setMetadata, setMode, setTime, type Permissions } from './file-metadata.ts';
import { parseModeChange, type ModeChange } from './file-mode.ts';
import { resolveOwner, type OwnerIds } from './file-owner.ts';
import type { InodeSet } from './inode-set.ts';
import type { CopiedInode, PlainCopy } from './plain-copy.ts';
import type { Slot, Upper, UpperDir } from './file-upper.ts';

/** What a copy works with. */
export interface CopyScope {
  readonly upper: Upper;
  /** Where names of owners are looked up: the stage before the instruction. */
  readonly ownerTree: FileTree;
  readonly source: FileTree;
  /** The source never changes, so its files may get more names instead of copies. */
  readonly isImmutable: boolean;
  /** Source files that have a second name in this snapshot. */
  readonly linkedInodes: InodeSet;
  /** Where is looked, for errors. */
  readonly origin: string | undefined;
  /** Where the copies of regular files are made. */
  readonly copies: BatchPool<PlainCopy, CopiedInode | undefined>;
  /** The digest of a source file, where it is known. */
  readonly digestOf: (node: TreeNode) => Uint8Array | undefined;
  /** Takes the digests of copies. */
  readonly digests: DigestList;
  readonly doubts: Doubts;
  readonly breather: Breather;
  readonly signal: AbortSignal;
}

const DEFAULT_DIRECTORY_MODE = 0o755;

/**
 * Copies what an action names. Rules: BuildKit `solver/llbsolver/file/backend.go` (docopy) and fsutil
 * `copy/copy.go`. A directory whose contents are copied gives its time to the destination and nothing
 * else; directories below it bring mode, owner, attributes and time, also to ones that exist.
 *
 * @throws BuildError
 */
export async function runCopy(action: CopyAction, scope: CopyScope): Promise<void> {
  const owner =
    action.owner === undefined ? undefined : resolveOwner(action.owner, scope.ownerTree);
  const mode = readMode(action.mode);
  const roots = selectFiles(scope.source, action, scope.origin);
  const job: CopyJob = { action, scope, owner, mode };
  for (const root of roots) {
    if (action.unpacksArchives && root.node.type === 'file' && (await unpack(root, job))) continue;
    await copyRoot(root, job);
  }
}

interface CopyJob {
  readonly action: CopyAction;
  readonly scope: CopyScope;
  readonly owner: OwnerIds | undefined;
  readonly mode: ModeChange | undefined;
}

function readMode(text: string | undefined): ModeChange | undefined {
  if (text === undefined) return undefined;
  const mode = parseModeChange(text);
  if (mode === undefined) throw cannotChange('set the mode', textToBytes(text), 'it is no mode');
  return mode;
}

function unpack(root: SelectedRoot, { action, scope, owner }: CopyJob): Promise<boolean> {
  scope.doubts.note();
  const destination = resolveDestination(scope.upper.tree, textToBytes(action.destination));
  return tryUnpack(root.node, { destination, owner, scope }, scope.signal);
}

async function copyRoot(root: SelectedRoot, job: CopyJob): Promise<void> {
  const target = prepareTarget(root, job);
  const copier = new Copier(job, target);
  for (const entry of walkSelected(job.scope.source, root)) {
    copier.copy(entry);
    if (job.scope.breather.isDue()) await job.scope.breather.breathe();
  }
  await copier.finish();
}

/** Makes the directories that lead to the destination and says what path `root` itself gets. */
function prepareTarget(root: SelectedRoot, job: CopyJob): BytePath {
  const { action, scope } = job;
  const { tree } = scope.upper;
  const isDirectory = root.node.type === 'directory';
  const destination = textToBytes(action.destination);
  const parent = /\/\.?$/.test(destination) ? destination : parentOf(destination);
  if (action.createsDestPath) {
    makeDirectories(scope.upper, resolveDestination(tree, parent), newDirectory(job));
  } else if (tree.lookup(parentOf(resolveDestination(tree, destination)), LAST) === undefined) {
    throw cannotChange('copy to', destination, 'its directory does not exist');
  }
  let target = resolveDestination(tree, destination);
  const there = tree.lookup(target, { followsLast: false });
  const goesInside = isDirectory
    ? !action.copiesDirContents && there !== undefined
    : there?.type === 'directory';
  if (goesInside && root.name !== '') target = joinPath(target, root.name);
  const isContainer = isDirectory && action.copiesDirContents && there === undefined;
  makeDirectories(scope.upper, isContainer ? target : parentOf(target), newDirectory(job));
  return target;
}

const LAST = { followsLast: true } as const;

function newDirectory({ mode, owner }: CopyJob): NewDirectory {
  return { mode: mode?.octal === undefined ? DEFAULT_DIRECTORY_MODE : mode.octal & 0o777, owner };
}

function parentOf(path: BytePath): BytePath {
  const end = path.lastIndexOf('/');
  return end <= 0 ? ROOT : (path.slice(0, end) as BytePath);
}

function baseOf(path: BytePath): BytePath {
  return path.slice(path.lastIndexOf('/') + 1) as BytePath;
}

interface OpenDir {
  readonly dir: UpperDir;
  /** Made by this copy, so no name in it is taken. */
  readonly isNew: boolean;
}

/** Copies the entries of one root, in the order of the walk. */
class Copier {
  readonly #job: CopyJob;
  readonly #target: BytePath;
  /** Directories by their path below the root. */
  readonly #dirs = new Map<BytePath, OpenDir>();
  /** The copies of files with several names. */
  readonly #copies = new FirstNames();
  /** Further names of files with several names. */
  readonly #links: (() => void)[] = [];
  /** What directories get when nothing is added to them any more. */
  readonly #unfinished: (() => void)[] = [];

  constructor(job: CopyJob, target: BytePath) {
    this.#job = job;
    this.#target = target;
  }

  copy(entry: SelectedEntry): void {
    if (entry.path === '' && this.#target === '/') {
      this.#mergeRoot(entry.node);
      return;
    }
    const slot = this.#slotOf(entry);
    if (entry.node.type === 'directory') this.#copyDirectory(entry, slot);
    else this.#copyFile(entry.node, slot);
  }

  /** Gives directories their metadata, now that nothing is added to them any more. */
  async finish(): Promise<void> {
    await this.#job.scope.copies.finish();
    for (const link of this.#links) link();
    // From the inside out: a directory that takes its own permissions away is done last.
    for (const finish of this.#unfinished.reverse()) finish();
  }

  #slotOf({ path }: SelectedEntry): Slot {
    const { upper } = this.#job.scope;
    if (path === '') return upper.slot(upper.open(parentOf(this.#target)), baseOf(this.#target));
    const end = path.lastIndexOf('/');
    const parent = this.#dirs.get((end < 0 ? '' : path.slice(0, end)) as BytePath);
    if (parent === undefined) throw new RangeError('A directory comes before what is in it');
    return parent.isNew
      ? upper.freshSlot(parent.dir, baseOf(path))
      : upper.slot(parent.dir, baseOf(path));
  }

  /** The root of the image takes the contents of a directory. */
  #mergeRoot(node: TreeNode): void {
    const { upper } = this.#job.scope;
    if (node.type !== 'directory') throw fileOntoDirectory(node.path, ROOT);
    const dir = upper.open(ROOT);
    this.#dirs.set('' as BytePath, { dir, isNew: false });
    this.#unfinished.push(() => {
      setTime(dir.hostPath, node.mtimeNs);
    });
  }

  #copyDirectory({ node, path, isParentOnly }: SelectedEntry, slot: Slot): void {
    const { upper } = this.#job.scope;
    if (slot.existing === undefined) {
      const dir = upper.makeDirectory(slot, 0o700);
      this.#dirs.set(path, { dir, isNew: !slot.hasWhiteout });
      this.#finishLike(node, dir);
      return;
    }
    if (slot.existing.type !== 'directory') throw directoryOntoFile(node.path, slot.path);
    const dir = upper.enter(slot);
    this.#dirs.set(path, { dir, isNew: false });
    if (path === '') {
      this.#unfinished.push(() => {
        setTime(dir.hostPath, node.mtimeNs);
      });
    } else if (isParentOnly) setMode(dir.hostPath, node.mode);
    else this.#finishLike(node, dir);
  }

  #finishLike(node: TreeNode, dir: UpperDir): void {
    this.#unfinished.push(() => {
      setMetadata(dir.hostPath, dir.path, this.#permissions(node), node);
      this.#look(node);
    });
  }

  /** Is it still what was hashed? */
  #look(node: TreeNode): void {
    const { doubts, isImmutable } = this.#job.scope;
    if (!isImmutable) doubts.look(node);
  }

  #copyFile(node: TreeNode, slot: Slot): void {
    if (slot.existing?.type === 'directory') throw fileOntoDirectory(node.path, slot.path);
    const { upper } = this.#job.scope;
    const first = this.#firstCopy(node, slot);
    upper.makeRoom(slot, node.type === 'file' && first === undefined ? node.size : 0);
    if (first !== undefined) {
      // Its first name may still be on its way.
      this.#links.push(() => {
        makeHardLink(first, slot.hostPath, slot.path);
      });
      return;
    }
    const wanted = this.#permissions(node);
    if (this.#tryShare(node, wanted, slot)) return;
    if (node.type === 'file') {
      const { copies, digestOf, digests, doubts } = this.#job.scope;
      const digest = digestOf(node);
      const { uid, gid, mode } = wanted;
      const { path: toPath, hostPath: to } = slot;
      const copy = { source: fileState(node), to, toPath, uid, gid, mode };
      doubts.copy(copy, copies, (inode) => {
        if (digest !== undefined && inode > 0) digests.add(inode, digest);
      });
      return;
    }
    createLike(node, slot.hostPath);
    setMetadata(slot.hostPath, slot.path, wanted, node);
    this.#look(node);
  }

  /**
   * The copy of another name of this file. Files of two snapshots can share an inode because they were copied
   * from the same place; only names in one directory tree of the host are links of one another.
   */
  #firstCopy(node: TreeNode, { hostPath }: Slot): BytePath | undefined {
    if (node.type !== 'file') return undefined;
    const root = node.hostPath.slice(0, node.hostPath.length - node.path.length);
    return this.#copies.note(node, hostPath, root);
  }

  /** Instead of a copy, a second name of a file that never changes. */
  #tryShare(node: TreeNode, wanted: Permissions, slot: Slot): boolean {
    const { scope } = this.#job;
    if (!scope.isImmutable || node.type === 'socket') return false;
    if (wanted.mode !== node.mode || wanted.uid !== node.uid || wanted.gid !== node.gid)
      return false;
    // Two names in one snapshot would be hard links of one another in its layer.
    if (scope.linkedInodes.has(node) || !tryLink(node.hostPath, slot.hostPath)) return false;
    scope.linkedInodes.add(node);
    return true;
  }

  #permissions(node: TreeNode): Permissions {
    const { owner, mode } = this.#job;
    const changed = mode?.apply(node.mode, node.type === 'directory') ?? node.mode;
    return {
      uid: owner?.uid ?? node.uid,
      gid: owner?.gid ?? node.gid,
      mode: node.type === 'symlink' ? node.mode : changed,
    };
  }
}
