import {
  chmodSync,
  lchownSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { bytesToText, type BytePath } from '../core/bytes.ts';
import { runFileOp } from '../exec/file-op.ts';
import { enterPrivateMountNamespace } from '../host/mount-namespace.ts';
import { mount, umount } from '../host/mount.ts';
import { makeDevice, mkfifo, mknod, NODE_TYPE, utimesNs } from '../host/sys.ts';
import { lsetxattr } from '../host/xattr.ts';
import type { CopyAction, FileAction } from '../ops/op.ts';
import type { ActiveSnapshot, SnapshotId, SnapshotInfo } from '../snapshot/snapshotter.ts';
import { openChainTree } from '../tree/chain-tree.ts';
import type { FileTree, TreeNode } from '../tree/file-tree.ts';
import { readLink } from '../tree/node.ts';
import { userCopy } from './sample-ops.ts';

/** A temporary directory with helpers to run file actions in it and to see what they left. */
export interface FileOpRig {
  readonly dir: string;
  make(name: string, files: Files): string;
  run(job: Job): Promise<Result>;
  mountResult(result: Result): string;
  dispose(): void;
}

/** Text is a file's content. A name with a slash at the end is a directory. */
export type Files = Readonly<Record<string, string | Made>>;

export function openFileOpRig(): FileOpRig {
  const dir = mkdtempSync(path.join(tmpdir(), 'file-op-'));
  const mounted: string[] = [];
  return {
    dir,
    make: (name, files) => make(path.join(dir, name), files),
    run: (job) => run(dir, job),
    mountResult(result) {
      const target = mountResult(dir, result);
      mounted.push(target);
      return target;
    },
    dispose() {
      for (const target of mounted) umount(target, { lazily: true });
      rmSync(dir, { recursive: true, force: true });
    },
  };
}

/** One file of a test tree. Times are nanoseconds. */
export interface Made {
  readonly text?: string;
  readonly symlink?: string;
  readonly mode?: number;
  readonly uid?: number;
  readonly gid?: number;
  readonly mtime?: number;
  readonly xattr?: Readonly<Record<string, string>>;
  readonly hardLink?: string;
  readonly type?: 'fifo' | 'device' | 'whiteout' | 'directory';
}

function make(root: string, files: Files): string {
  mkdirSync(root, { recursive: true });
  chmodSync(root, 0o755);
  for (const [file, what] of Object.entries(files)) {
    const made: Made = typeof what === 'string' ? { text: what } : what;
    const target = path.join(root, file);
    mkdirSync(path.dirname(target), { recursive: true });
    if (made.symlink !== undefined) symlinkSync(made.symlink, target);
    else if (made.hardLink !== undefined) linkSync(path.join(root, made.hardLink), target);
    else if (made.type === 'fifo') mkfifo(target, 0o644);
    else if (made.type === 'device') mknod(target, NODE_TYPE.charDevice | 0o600, makeDevice(1, 3));
    else if (made.type === 'whiteout') mknod(target, NODE_TYPE.charDevice, 0);
    else if (file.endsWith('/')) mkdirSync(target, { recursive: true });
    else writeFileSync(target, made.text ?? '');
    if (made.uid !== undefined) lchownSync(target, made.uid, made.gid ?? made.uid);
    if (made.mode !== undefined) chmodSync(target, made.mode);
    for (const [key, value] of Object.entries(made.xattr ?? {})) {
      lsetxattr(target, key, Buffer.from(value));
    }
  }
  for (const [file, what] of Object.entries(files)) {
    const mtime = typeof what === 'string' ? undefined : what.mtime;
    if (mtime !== undefined) utimesNs(path.join(root, file), BigInt(mtime), BigInt(mtime));
  }
  return root;
}

/** What a file op left, and on what. */
export interface Result {
  readonly upper: string;
  readonly info: SnapshotInfo;
  readonly tree: FileTree;
  readonly lowers: readonly string[];
}

/** A file op to run. */
export interface Job {
  readonly lowers?: readonly string[];
  readonly source: FileTree;
  readonly isImmutable?: boolean;
  readonly actions: readonly FileAction[];
  readonly onLarge?: () => void;
}

async function run(dir: string, job: Job): Promise<Result> {
  const lowers = job.lowers ?? [];
  const upper = mkdtempSync(path.join(dir, 'upper-'));
  chmodSync(upper, 0o755);
  const tree = openChainTree([upper, ...lowers], { isTopWritable: true });
  const active: ActiveSnapshot = {
    id: 'test' as SnapshotId,
    upper,
    parentTree: openChainTree(lowers),
    tree,
    mount: () => Promise.reject(new Error('A file op does not mount')),
    commit: () => Promise.reject(new Error('A file op does not commit')),
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
  const { info } = await runFileOp(
    { kind: 'file', base: undefined, actions: job.actions },
    active,
    () => job.source,
    {
      signal: new AbortController().signal,
      isImmutable: () => job.isImmutable === true,
      onLarge: job.onLarge,
    },
  );
  return { upper, info, tree, lowers };
}

/** A COPY of the first input, with the options that a Dockerfile gives it. */
export function copy(
  source: string,
  destination: string,
  changes: Partial<CopyAction> = {},
): CopyAction {
  return userCopy(0, source, destination, changes);
}

/** Each file of the result: `path type mode uid:gid [content or target]`. Times on request. */
export function listing(
  { tree }: Pick<Result, 'tree'>,
  options: { readonly times?: boolean } = {},
): string[] {
  const lines: string[] = [];
  const visit = (directory: TreeNode): void => {
    for (const name of tree.list(directory)) {
      const node = tree.child(directory, name);
      if (node === undefined) throw new Error(`"${name}" is listed and not there`);
      const what =
        node.type === 'file'
          ? ` "${readFileSync(bytesToText(node.hostPath), 'utf8')}"`
          : node.type === 'symlink'
            ? ` -> ${readLink(node)}`
            : '';
      const time = options.times === true ? ` @${String(node.mtimeNs)}` : '';
      lines.push(
        `${node.path} ${node.type} ${node.mode.toString(8)} ${node.uid}:${node.gid}${what}${time}`,
      );
      if (node.type === 'directory') visit(node);
    }
  };
  const root = tree.lookup('/' as BytePath, { followsLast: true });
  if (root !== undefined) visit(root);
  return lines;
}

/** The same of a mounted file system, as the kernel shows it. */
export function hostListing(root: string, options: { readonly times?: boolean } = {}): string[] {
  const lines: string[] = [];
  const visit = (below: string): void => {
    for (const name of readdirSync(path.join(root, below)).sort()) {
      const at = path.join(below, name);
      const full = path.join(root, at);
      const stat = lstatSync(full, { bigint: true, throwIfNoEntry: false });
      // Where only one layer has a directory, overlayfs lists its whiteouts, and denies them when asked.
      if (stat === undefined) continue;
      const type = stat.isDirectory()
        ? 'directory'
        : stat.isSymbolicLink()
          ? 'symlink'
          : stat.isFIFO()
            ? 'fifo'
            : stat.isCharacterDevice()
              ? 'char-device'
              : 'file';
      const what =
        type === 'file'
          ? ` "${readFileSync(full, 'utf8')}"`
          : type === 'symlink'
            ? ` -> ${readlinkSync(full)}`
            : '';
      const time = options.times === true ? ` @${String(stat.mtimeNs)}` : '';
      const mode = (stat.mode & 0o7777n).toString(8);
      lines.push(`${at} ${type} ${mode} ${String(stat.uid)}:${String(stat.gid)}${what}${time}`);
      if (type === 'directory') visit(at);
    }
  };
  visit('/');
  return lines;
}

/** Mounts chain and upper directory, as a RUN after the copy would. */
function mountResult(dir: string, { upper, lowers }: Result): string {
  enterPrivateMountNamespace();
  const target = path.join(dir, 'mounted');
  const work = path.join(dir, 'work');
  const empty = path.join(dir, 'empty');
  for (const made of [target, work, empty]) mkdirSync(made);
  mount({
    source: 'overlay',
    target,
    type: 'overlay',
    options: `lowerdir=${[...lowers, empty].join(':')},upperdir=${upper},workdir=${work},redirect_dir=off,metacopy=off,index=off`,
  });
  return target;
}
