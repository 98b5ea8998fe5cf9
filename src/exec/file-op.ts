import { symlinkSync, writeFileSync } from 'node:fs';
import { createBreather } from '../core/breathe.ts';
import { fsPath, textToBytes, type BytePath } from '../core/bytes.ts';
import { openBatchPool } from '../host/batch-pool.ts';
import type {
  FileAction,
  FileOp,
  MkdirAction,
  MkfileAction,
  OpId,
  Owner,
  RmAction,
  SymlinkAction,
} from '../ops/op.ts';
import type { ActiveSnapshot, SnapshotInfo } from '../snapshot/snapshotter.ts';
import { DigestList } from '../tree/digest-list.ts';
import type { FileTree, TreeNode } from '../tree/file-tree.ts';
import { joinPath } from '../tree/node.ts';
import { namesOf } from '../tree/resolve.ts';
import { selectFiles } from '../tree/select-files.ts';
import { Doubts } from './doubts.ts';
import { runCopy, type CopyScope } from './file-copy.ts';
import { makeDirectories, makeDirectory, resolveDestination } from './file-destination.ts';
import { cannotChange } from './file-errors.ts';
import { setMode, setOwner } from './file-metadata.ts';
import { parseModeChange } from './file-mode.ts';
import { resolveOwner, type OwnerIds } from './file-owner.ts';
import { InodeSet } from './inode-set.ts';
import { PLAIN_COPIES } from './plain-copy.ts';
import { Upper, type Slot } from './file-upper.ts';

/** What a file op needs to know beside its inputs. */
export interface FileOpContext {
  readonly signal: AbortSignal;
  /**
   * True for a committed snapshot: its files never change, so they may be hard-linked. False for a
   * build context.
   */
  isImmutable(input: OpId): boolean;
  /** The digest of a file of an input, as a content hash has it, where it is known. */
  digestOf?(input: OpId, node: TreeNode): Uint8Array | undefined;
  /** What errors call an input, such as `stage "builder"`. */
  originOf?(input: OpId): string | undefined;
  /** Called once when the op turns out to write much, long before it has. */
  onLarge?: (() => void) | undefined;
}

/** What a file op left. */
export interface FileOpResult {
  readonly info: SnapshotInfo;
  /** Copies of files that were not what they were when they were listed. */
  readonly doubts: Doubts;
  /** Of copies whose sources' digests are known. */
  readonly digests: DigestList;
}

/**
 * Applies the actions of `op` in order, straight into `active.upper`: the result is what BuildKit's file
 * backend leaves in a mounted snapshot. Nothing is mounted; the caller commits. `inputs` gives the files
 * of a copy's source.
 *
 * @throws BuildError when an action cannot be done; `active` is then to be thrown away
 */
export async function runFileOp(
  op: FileOp,
  active: ActiveSnapshot,
  inputs: (id: OpId) => FileTree,
  context: FileOpContext,
): Promise<FileOpResult> {
  const { signal } = context;
  signal.throwIfAborted();
  const scope: FileScope = {
    upper: new Upper(active, context.onLarge),
    ownerTree: active.parentTree,
  };
  await using copies = openBatchPool(PLAIN_COPIES);
  const shared = {
    ...scope,
    breather: createBreather(signal),
    signal,
    linkedInodes: new InodeSet(),
    copies,
    doubts: new Doubts(),
    digests: new DigestList(),
  };
  for (const action of op.actions) {
    if (action.action === 'copy') {
      const copy: CopyScope = {
        ...shared,
        source: inputs(action.from),
        isImmutable: context.isImmutable(action.from),
        origin: context.originOf?.(action.from),
        digestOf: (node) => context.digestOf?.(action.from, node),
      };
      await runCopy(action, copy);
    } else runSmallAction(action, scope);
  }
  return { info: scope.upper.info(), doubts: shared.doubts, digests: shared.digests };
}

interface FileScope {
  readonly upper: Upper;
  readonly ownerTree: FileTree;
}

function runSmallAction(
  action: Exclude<FileAction, { readonly action: 'copy' }>,
  scope: FileScope,
): void {
  switch (action.action) {
    case 'mkdir':
      mkdir(action, scope);
      return;
    case 'mkfile':
      mkfile(action, scope);
      return;
    case 'rm':
      rm(action, scope);
      return;
    case 'symlink':
      symlink(action, scope);
      return;
    default:
      action satisfies never;
  }
}

function mkdir(action: MkdirAction, scope: FileScope): void {
  const { upper } = scope;
  const path = resolveDestination(upper.tree, textToBytes(action.path));
  const how = { mode: action.mode & 0o777, owner: ownerIds(action.owner, scope) };
  if (action.makesParents) {
    makeDirectories(upper, path, how);
    return;
  }
  // Like mkdir(2) in BuildKit: what is there, even a file, stays as it is.
  if (upper.tree.lookup(path, { followsLast: false }) !== undefined) return;
  makeDirectory(upper, upper.open(directoryOf(path)), nameOf(path), how);
}

/** Writes the file whole. One that exists keeps mode and owner, unless another owner is named. */
function mkfile(action: MkfileAction, scope: FileScope): void {
  const slot = slotAt(scope.upper, textToBytes(action.path), 'create');
  const { existing } = slot;
  if (existing !== undefined && existing.type !== 'file') {
    throw cannotChange('write', slot.path, `it is a ${existing.type}`);
  }
  const data = Buffer.from(action.data);
  const mode = existing?.mode ?? (parseModeChange(action.mode)?.octal ?? 0o644) & 0o777;
  // A new file, not the old one written over: that may be linked from another snapshot.
  scope.upper.makeRoom(slot, data.length);
  writeFileSync(fsPath(slot.hostPath), data, { flag: 'wx', mode: 0o600 });
  const owner = ownerIds(action.owner, scope) ?? existing;
  if (owner !== undefined) setOwner(slot.hostPath, slot.path, owner);
  setMode(slot.hostPath, mode);
}

function symlink(action: SymlinkAction, scope: FileScope): void {
  const slot = slotAt(scope.upper, textToBytes(action.path), 'create');
  if (slot.existing !== undefined) throw cannotChange('create', slot.path, 'it exists already');
  scope.upper.makeRoom(slot, 0);
  symlinkSync(fsPath(textToBytes(action.target)), fsPath(slot.hostPath));
  const owner = ownerIds(action.owner, scope);
  if (owner !== undefined) setOwner(slot.hostPath, slot.path, owner);
}

/** Removes names, not what links lead to. `..` stops at the root. */
function rm(action: RmAction, { upper }: FileScope): void {
  if (!action.allowsWildcard || !/[*?[]/.test(action.path)) {
    removePath(upper, textToBytes(action.path), action.allowsNotFound);
    return;
  }
  const matches = selectFiles(
    upper.tree,
    {
      source: action.path,
      followsSymlink: false,
      allowsWildcard: true,
      copiesDirContents: false,
      keepsParents: false,
      excludes: [],
    },
    'the stage',
  );
  for (const { node } of matches) removePath(upper, node.path, action.allowsNotFound);
}

function removePath(upper: Upper, path: BytePath, allowsNotFound: boolean): void {
  const clean = clamped(path);
  if (clean === '/') throw cannotChange('remove', clean, 'it is the root directory');
  const directory = resolveDestination(upper.tree, directoryOf(clean));
  const target = joinPath(directory, nameOf(clean));
  if (!allowsNotFound && upper.tree.lookup(target, { followsLast: true }) === undefined) {
    throw cannotChange('remove', target, 'it does not exist');
  }
  upper.remove(directory, nameOf(clean));
}

/** Lexically clean: `a/../b` is `b` whatever `a` is, as Go's `filepath.Join` does it. */
function clamped(path: BytePath): BytePath {
  const names: BytePath[] = [];
  for (const name of namesOf(path)) {
    if (name === '..') names.pop();
    else names.push(name);
  }
  return `/${names.join('/')}` as BytePath;
}

/** The place that a path leads to; its directory has to be there. */
function slotAt(upper: Upper, path: BytePath, what: string): Slot {
  const target = resolveDestination(upper.tree, clamped(path));
  const directory = directoryOf(target);
  const above = upper.tree.lookup(directory, { followsLast: false });
  if (target === '/') throw cannotChange(what, target, 'it is the root directory');
  if (above === undefined) throw cannotChange(what, target, 'its directory does not exist');
  return upper.slot(upper.open(directory), nameOf(target));
}

function ownerIds(owner: Owner | undefined, { ownerTree }: FileScope): OwnerIds | undefined {
  return owner === undefined ? undefined : resolveOwner(owner, ownerTree);
}

function directoryOf(path: BytePath): BytePath {
  return path.slice(0, Math.max(path.lastIndexOf('/'), 1)) as BytePath;
}

function nameOf(path: BytePath): BytePath {
  return path.slice(path.lastIndexOf('/') + 1) as BytePath;
}
