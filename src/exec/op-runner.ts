import { readdirSync, renameSync } from 'node:fs';
import { bytesToText, textToBytes } from '../core/bytes.ts';
import { DisposeStack } from '../core/dispose-stack.ts';
import { diskError } from '../host/disk-error.ts';
import type { BaseImage } from '../image/base-image.ts';
import { copyAction } from '../ops/copy-action.ts';
import { inputOrigin } from '../ops/input-origin.ts';
import type { OpGraph } from '../ops/op-graph.ts';
import type { CopyAction, FileOp, MergeOp, OpId, SourceOp } from '../ops/op.ts';
import type { ActiveSnapshot, SnapshotId, Snapshotter } from '../snapshot/snapshotter.ts';
import type { FileState, FileTree } from '../tree/file-tree.ts';
import { ensureBaseLayers, type BaseLayersDeps } from './base-layers.ts';
import type { ContextCopies, ContextCopy } from './context-copies.ts';
import type { Doubts } from './doubts.ts';
import { unsupportedOp } from './errors.ts';
import { runExecOp, type ExecOpDeps } from './exec-op.ts';
import { runFileOp, type FileOpContext } from './file-op.ts';
import { runGitOp, runUrlOp, type RemoteOpDeps } from './remote-op.ts';

/** What an input of an op is, as the solver gives it. */
export type OpInput =
  | { readonly kind: 'local'; readonly name: string }
  | { readonly kind: 'snapshot'; readonly id: string | undefined };

/** What running ops needs of the build. */
export interface OpRunnerDeps
  extends
    Omit<ExecOpDeps, 'openInput' | 'inputIdentity' | 'copyInput'>,
    Omit<BaseLayersDeps, 'onProgress'>,
    RemoteOpDeps {
  readonly snapshots: Snapshotter;
  readonly contextCopies: ContextCopies;
  /** The image that a source op names. */
  baseImage(op: SourceOp): BaseImage;
  /** The files of a build context. */
  contextTree(name: string): FileTree;
  /** The digest of a file of a build context, where it is known. */
  contextDigest(name: string, node: FileState): Uint8Array | undefined;
  /** True for a build context that nobody can write to, so that its files may be hard-linked. */
  isContextFrozen(name: string): boolean;
  /** Called when an op turns out to write many bytes of files: its layer may have to be measured soon. */
  onLargeFileOp?: ((id: OpId) => void) | undefined;
  /** Called after an op may have read other files of a build context than were hashed: fails when it did. */
  checkUnchanged(id: OpId, signal: AbortSignal): Promise<void>;
}

/** The snapshot that an op made and the bytes it added. */
export interface RanOp {
  readonly snapshot: string | undefined;
  readonly bytes: number;
}

/** Runs one op of `graph`, whatever its kind. Its inputs are finished. */
export async function runOp(
  graph: OpGraph,
  id: OpId,
  inputs: ReadonlyMap<OpId, OpInput>,
  deps: OpRunnerDeps,
  signal: AbortSignal,
): Promise<RanOp> {
  const op = graph.ops[id];
  const metadata = graph.metadata[id];
  if (op === undefined || metadata === undefined) throw new RangeError(`No op ${String(id)}`);
  switch (op.kind) {
    case 'source':
      return runSourceOp(op, id, deps, signal);
    case 'exec': {
      const openInput: ExecOpDeps['openInput'] = (input, path, { isReadonly }, mountSignal) => {
        const from = inputOf(inputs, input);
        const open = (): Promise<ContextCopy> => openMountSource(id, from, path, deps, mountSignal);
        // A step with all rights can write to what is mounted read-only.
        const isShared = from.kind === 'local' && isReadonly && op.security !== 'insecure';
        return isShared ? deps.contextCopies.get(`${from.name}\0${path}`, open) : open();
      };
      const root = snapshotOf(inputs, op.root);
      const inputDeps: Pick<ExecOpDeps, 'openInput' | 'inputIdentity' | 'copyInput'> = {
        openInput,
        inputIdentity: (input) => identityOf(inputOf(inputs, input)),
        copyInput: (input, source, into, copySignal) =>
          copyTo(into, inputOf(inputs, input), source, deps, copySignal),
      };
      return runExecOp(op, id, metadata, root, { ...deps, ...inputDeps }, signal);
    }
    case 'file':
      return runFile(op, id, graph, inputs, deps, signal);
    case 'merge':
      return runFile(mergeAsCopies(op), id, graph, inputs, deps, signal);
    case 'diff':
      throw unsupportedOp(
        'take the difference of two file systems',
        'no Dockerfile instruction does',
        'Build with a Dockerfile',
      );
    default:
      return op satisfies never;
  }
}

async function runSourceOp(
  op: SourceOp,
  id: OpId,
  deps: OpRunnerDeps,
  signal: AbortSignal,
): Promise<RanOp> {
  switch (op.source.type) {
    case 'image':
    case 'oci-layout': {
      const onProgress = (current: number, total: number): void => {
        deps.emit({ type: 'op-progress', op: id, what: 'layers', current, total });
      };
      const snapshot = await ensureBaseLayers(deps.baseImage(op), { ...deps, onProgress }, signal);
      const chain = snapshot === undefined ? [] : deps.snapshots.chain(snapshot);
      return { snapshot, bytes: chain.reduce((sum, { bytes }) => sum + bytes, 0) };
    }
    case 'local':
      throw new TypeError('A build context is read where it is');
    case 'http': {
      const onBytes = (current: number, total: number | undefined): void => {
        deps.emit({ type: 'op-progress', op: id, what: 'download', current, total });
      };
      return runUrlOp(op.source, deps, onBytes, signal);
    }
    case 'git':
      return runGitOp(op.source, deps, signal);
    default:
      return op.source satisfies never;
  }
}

async function runFile(
  op: FileOp,
  id: OpId,
  graph: OpGraph,
  inputs: ReadonlyMap<OpId, OpInput>,
  deps: OpRunnerDeps,
  signal: AbortSignal,
): Promise<RanOp> {
  if (op.base === undefined && op.actions.length === 0) return { snapshot: undefined, bytes: 0 };
  await using active = await deps.snapshots.prepare(snapshotOf(inputs, op.base), signal);
  const context: FileOpContext = {
    signal,
    isImmutable: (input) => {
      const from = inputOf(inputs, input);
      return from.kind === 'snapshot' || deps.isContextFrozen(from.name);
    },
    digestOf: (input, node) => {
      const from = inputOf(inputs, input);
      return from.kind === 'local'
        ? deps.contextDigest(from.name, node)
        : deps.snapshots.digests.get(node);
    },
    originOf: (input) => inputOrigin(graph, input),
    onLarge: () => deps.onLargeFileOp?.(id),
  };
  const treeAt = (input: OpId): FileTree => treeOf(inputOf(inputs, input), deps);
  const { info, doubts, digests } = await runFileOp(op, active, treeAt, context).catch(
    (error: unknown) => {
      // As long as the files are there: what the disk lacks is told by what it has left.
      throw diskError(active.upper, error) ?? error;
    },
  );
  await settle(doubts, id, deps, signal);
  const sharesWith = copiedSnapshots(op, inputs);
  const { id: snapshot } = await active.commit(info, { list: digests, sharesWith });
  return { snapshot, bytes: info.bytes };
}

/** Snapshots that an op copies from, and so may share files with. */
function copiedSnapshots(op: FileOp, inputs: ReadonlyMap<OpId, OpInput>): SnapshotId[] {
  const found: SnapshotId[] = [];
  for (const action of op.actions) {
    const id = action.action === 'copy' ? snapshotIdOf(inputOf(inputs, action.from)) : undefined;
    if (id !== undefined) found.push(id);
  }
  return found;
}

function snapshotIdOf(input: OpInput): SnapshotId | undefined {
  return input.kind === 'snapshot' ? (input.id as SnapshotId | undefined) : undefined;
}

/** @throws BuildError CONTEXT_CHANGED when something else was copied than was hashed */
async function settle(
  doubts: Doubts,
  id: OpId,
  deps: Pick<OpRunnerDeps, 'checkUnchanged'>,
  signal: AbortSignal,
): Promise<void> {
  if (!doubts.isAny) return;
  await deps.checkUnchanged(id, signal);
  doubts.check();
}

/** `COPY --link`: what lies above goes over what lies below, as if copied there. */
function mergeAsCopies(op: MergeOp): FileOp {
  const [base, ...rest] = op.inputs;
  return { kind: 'file', base, actions: rest.map((from) => copyAll(from, '/')) };
}

function copyAll(from: OpId, source: string): CopyAction {
  const isWhole = source === '/';
  return copyAction(from, source, '/', { copiesDirContents: isWhole, keepsParents: !isWhole });
}

/**
 * Makes `path` of an input available for a bind mount. Snapshots are mounted; of a build context, the
 * files that .dockerignore leaves are copied first, so that ignored ones stay hidden and writes of the
 * step never reach the user's directory.
 */
async function openMountSource(
  op: OpId,
  input: OpInput,
  path: string,
  deps: OpRunnerDeps,
  signal: AbortSignal,
): Promise<ContextCopy> {
  await using opened = new DisposeStack();
  let tree = treeOf(input, deps);
  let root: string | undefined;
  if (input.kind === 'local') {
    const active = opened.use(await deps.snapshots.prepare(undefined, signal));
    await settle(await copyInto(active, tree, path, signal), op, deps, signal);
    tree = active.tree;
    root = opened.use(await active.mount(signal)).root;
  } else if (input.id !== undefined) {
    root = opened.use(await deps.snapshots.view(input.id as SnapshotId, signal)).root;
  }
  const node = tree.lookup(textToBytes(path === '' ? '/' : path), { followsLast: true });
  const kept = opened.move();
  return {
    hostPath: node === undefined || root === undefined ? undefined : root + bytesToText(node.path),
    [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose](),
  };
}

/** Copies, and never links: the files will be written to. */
async function copyInto(
  active: ActiveSnapshot,
  from: FileTree,
  path: string,
  signal: AbortSignal,
): Promise<Doubts> {
  const op: FileOp = { kind: 'file', base: undefined, actions: [copyAll(0 as OpId, path)] };
  const context = { signal, isImmutable: () => false };
  const { doubts } = await runFileOp(op, active, () => from, context);
  return doubts;
}

/** The seed of a cache mount: `source` of an input at the same place below the host directory `into`. */
async function copyTo(
  into: string,
  input: OpInput,
  source: string,
  deps: OpRunnerDeps,
  signal: AbortSignal,
): Promise<void> {
  await using active = await deps.snapshots.prepare(undefined, signal);
  await copyInto(active, treeOf(input, deps), source, signal);
  for (const name of readdirSync(active.upper, { encoding: 'buffer' })) {
    renameSync(pathBelow(active.upper, name), pathBelow(into, name));
  }
}

function pathBelow(dir: string, name: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`${dir}/`), name]);
}

function identityOf(input: OpInput): string {
  return input.kind === 'local' ? `local ${input.name}` : `snapshot ${input.id ?? ''}`;
}

function inputOf(inputs: ReadonlyMap<OpId, OpInput>, id: OpId): OpInput {
  const input = inputs.get(id);
  if (input === undefined) throw new RangeError(`Op ${String(id)} was not finished`);
  return input;
}

function snapshotOf(
  inputs: ReadonlyMap<OpId, OpInput>,
  id: OpId | undefined,
): SnapshotId | undefined {
  if (id === undefined) return undefined;
  const input = inputOf(inputs, id);
  if (input.kind === 'local') throw new TypeError('A build context is no root file system');
  return input.id as SnapshotId | undefined;
}

function treeOf(input: OpInput, deps: OpRunnerDeps): FileTree {
  return input.kind === 'local'
    ? deps.contextTree(input.name)
    : deps.snapshots.tree(input.id as SnapshotId | undefined);
}
