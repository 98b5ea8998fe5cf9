import { basename } from 'node:path';
import { textToBytes } from '../core/bytes.ts';
import { observeState } from '../containers/container-record.ts';
import { readContainer } from '../containers/create-container.ts';
import { containerNotFound, containerNotStill } from '../containers/errors.ts';
import { runFileOp } from '../exec/file-op.ts';
import { writeArchive } from '../export/destination.ts';
import { exportFiles } from '../export/local-files.ts';
import { rootEntries } from '../export/root-entries.ts';
import { entriesTar } from '../layer/layer-tar.ts';
import { copyAction } from '../ops/copy-action.ts';
import type { CopyAction, OpId } from '../ops/op.ts';
import type { SnapshotId } from '../snapshot/snapshotter.ts';
import type { FileTree } from '../tree/file-tree.ts';
import type { Store } from './open-store.ts';

/** What reading a container's files needs of the world. */
export interface ContainerFilesDeps {
  readonly store: Store;
  /** Relative destinations start here. */
  readonly cwd: string;
  /** Asked for when something is written there. */
  readonly stdout: () => NodeJS.WritableStream;
}

/** What is copied out of a container, and where to. */
export interface ContainerCopy {
  /** In the container. */
  readonly path: string;
  /** Of this host; `-` writes a tar to standard output. */
  readonly directory: string;
  /** Name in the directory; empty puts the content of a directory there. */
  readonly name: string;
  /** False gives the files to who copies them, as Docker does. */
  readonly keepsOwners: boolean;
  /** True copies what a link leads to, inside the container. */
  readonly followsLinks: boolean;
}

/**
 * Copies files of a container that does not run: those of its image before it ran, else those that it left.
 * Links lead nowhere but into the container's own files.
 * @throws BuildError CONTAINER_NOT_FOUND, CONTAINER_RUNNING, FILE_ACTION_FAILED, EXPORT_WRITE
 */
export async function copyFromContainer(
  id: string,
  { path, directory, name, keepsOwners, followsLinks }: ContainerCopy,
  deps: ContainerFilesDeps,
  signal: AbortSignal,
): Promise<void> {
  const { snapshots } = deps.store;
  const files = filesOf(id, deps.store);
  const source = path.startsWith('/') ? path : `/${path}`;
  const isDirectory =
    files.lookup(textToBytes(source), { followsLast: followsLinks })?.type === 'directory';
  const destination = name === '' ? (isDirectory ? '/' : `/${basename(source)}`) : `/${name}`;
  await using copy = await snapshots.prepare(undefined, signal);
  const action = copyOf(source, destination, { keepsOwners, followsLinks });
  await runFileOp({ kind: 'file', base: undefined, actions: [action] }, copy, () => files, {
    signal,
    isImmutable: () => false,
  });
  if (directory === '-') await writeTar('-', copy.tree, deps, signal);
  else await exportFiles(directory, [{ tree: copy.tree, prefix: '' }], deps, signal);
}

/**
 * Writes all files of a container that does not run into a tar archive; `-` is standard output.
 * @throws BuildError CONTAINER_NOT_FOUND, CONTAINER_RUNNING, EXPORT_WRITE
 */
export async function exportContainer(
  id: string,
  dest: string,
  deps: ContainerFilesDeps,
  signal: AbortSignal,
): Promise<void> {
  await writeTar(dest, filesOf(id, deps.store), deps, signal);
}

/** Those that it left, or those of its image before it ran. */
function filesOf(id: string, store: Store): FileTree {
  const container = readContainer(store.root, id);
  if (container === undefined) throw containerNotFound(id, 'none', undefined);
  const { record, plan } = container;
  if (observeState(record).kind === 'running') throw containerNotStill(record.name);
  return store.snapshots.tree((record.files ?? plan.snapshot) as SnapshotId | undefined);
}

async function writeTar(
  dest: string,
  files: FileTree,
  { cwd, stdout }: ContainerFilesDeps,
  signal: AbortSignal,
): Promise<void> {
  const entries = entriesTar(rootEntries({ tree: files, prefix: '' }, undefined), signal);
  await writeArchive(dest, entries, { cwd, stdout: stdout() }, signal);
}

function copyOf(
  source: string,
  destination: string,
  { keepsOwners, followsLinks }: Pick<ContainerCopy, 'keepsOwners' | 'followsLinks'>,
): CopyAction {
  return copyAction(0 as OpId, source, destination, {
    owner: keepsOwners ? undefined : { user: '0', group: '0' },
    followsSymlink: followsLinks,
    copiesDirContents: true,
  });
}
