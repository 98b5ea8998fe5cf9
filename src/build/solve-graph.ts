import { availableParallelism } from 'node:os';
import type { CacheRecord } from '../cache/cache-store.ts';
import { inputUses, type InputUse } from '../cache/input-parts.ts';
import { sharedSignal } from '../core/shared-signal.ts';
import type { BuildError } from '../diagnostics/build-error.ts';
import type { Emit } from '../events/event.ts';
import type { PackedLayer } from '../exec/base-layers.ts';
import { runOp, type OpInput, type OpRunnerDeps } from '../exec/op-runner.ts';
import { inputOrigin } from '../ops/input-origin.ts';
import { collectMuchGarbage } from '../host/collect-garbage.ts';
import { diskError } from '../host/disk-error.ts';
import { hasCode } from '../host/sys.ts';
import type { OpGraph } from '../ops/op-graph.ts';
import type { OpId } from '../ops/op.ts';
import type { Output, SolvedOp } from '../solve/solve-deps.ts';
import { Solver } from '../solve/solver.ts';
import type { SnapshotId } from '../snapshot/snapshotter.ts';
import { hashSelection, type HashOptions } from '../tree/content-hash.ts';
import { pathTooLong } from '../tree/errors.ts';
import type { FileTree } from '../tree/file-tree.ts';
import type { Selection } from '../tree/select-files.ts';
import { followContextReaders } from './context-readers.ts';
import type { BuildContexts } from './contexts.ts';
import { describeChanges } from './describe-changes.ts';
import { contextChanged } from './errors.ts';
import type { ImportedCaches } from './import-caches.ts';
import { keepFileLists } from './keep-file-lists.ts';
import type { Store } from './open-store.ts';
import type { SelectionMemo } from '../tree/selection-memo.ts';
import { withImports } from './with-imports.ts';
import { stepSlots } from './step-slots.ts';
import { storeRefusal } from './store-file-system.ts';

/** What joins the solver with the things that do the work. */
export interface SolveGraphDeps {
  readonly store: Store;
  readonly contexts: BuildContexts;
  readonly runner: Omit<
    OpRunnerDeps,
    'contextTree' | 'contextDigest' | 'isContextFrozen' | 'checkUnchanged'
  >;
  /** Results of other builds, where some were asked for. */
  readonly imports?: ImportedCaches | undefined;
  readonly emit: Emit;
  /** Told, once of each step, that it writes many files. */
  readonly onLargeFileOp?: ((op: OpId) => void) | undefined;
  /** Told of each snapshot that was made, as soon as it is there. */
  readonly onSnapshot?: ((op: OpId, snapshot: SnapshotId, bytes: number) => void) | undefined;
  /**
   * Asked about the result of a target whose layers are not here: of an imported cache, with its record, or
   * of a base image. Resolves to the layers, bottom to top, when they may stay where they are.
   */
  readonly leave?: LeaveLayers | undefined;
  /** Steps at the same time; undefined: enough that waiting steps do not hold up others. */
  readonly jobs: number | undefined;
  /** Identity of the Dockerfile, so that a miss is explained from its own former build. */
  readonly dockerfileId: string;
  /** Kept with results; undefined where nothing is made. */
  readonly buildId: string | undefined;
  /** Milliseconds since 1970. */
  now(): number;
  /** Milliseconds since the build began: the clock of its events. */
  elapsed(): number;
}

/** Decides whether layers may stay where they are; undefined: they are fetched. */
export type LeaveLayers = (
  op: OpId,
  record: CacheRecord | undefined,
  signal: AbortSignal,
) => Promise<readonly PackedLayer[] | undefined>;

/** Results by op, for those ops that were wanted or run, and those found in the cache. */
export type SolvedGraph = ReadonlyMap<OpId, SolvedOp>;

/** What solving gave. */
export interface SolvedBuild {
  readonly solved: SolvedGraph;
  /** The record of each op that has a result, also of those whose files are in an imported cache. */
  readonly records: ReadonlyMap<OpId, CacheRecord>;
  /** Layers, bottom to top, of wanted results that were left where they are. They are in `solved` never. */
  readonly elsewhere: ReadonlyMap<OpId, readonly PackedLayer[]>;
}

/** Steps often wait for the network, so more of them than cores are useful. */
const JOBS_PER_CORE = 8;

/**
 * Solves what the targets of `graph` need. The first failure stops everything else; this returns when
 * nothing runs any more, so that nobody writes to the store behind the caller's back.
 */
export async function solveGraph(
  graph: OpGraph,
  deps: SolveGraphDeps,
  signal: AbortSignal,
): Promise<SolvedBuild> {
  const controller = new AbortController();
  const both = sharedSignal(AbortSignal.any([signal, controller.signal]));
  const solver = createGraphSolver(graph, deps);
  const wanted = [...new Set(graph.targets.flatMap(({ root }) => root ?? []))];
  const elsewhere = new Map<OpId, readonly PackedLayer[]>();
  const solveOrLeave = async (id: OpId): Promise<SolvedOp | undefined> => {
    const left = await layersLeft(graph, id, solver, deps.leave, both);
    if (left === undefined) return solver.solve(id, both);
    elsewhere.set(id, left);
    return undefined;
  };
  try {
    const solved = await Promise.all(wanted.map(solveOrLeave));
    const results = new Map(wanted.map((id, i) => [id, solved[i]] as const));
    const all = await withCached(graph, solver, results, both);
    return { solved: all, records: recordsOf(graph, solver), elsewhere };
  } catch (error) {
    controller.abort(new Error('Another step failed', { cause: error }));
    throw error;
  } finally {
    await solver.settle();
    deps.contexts.save();
    deps.store.snapshots.digests.save();
    collectMuchGarbage();
  }
}

async function layersLeft(
  graph: OpGraph,
  id: OpId,
  solver: Solver,
  leave: LeaveLayers | undefined,
  signal: AbortSignal,
): ReturnType<LeaveLayers> {
  if (leave === undefined) return undefined;
  const record = await solver.remoteRecord(id, signal);
  if (record !== undefined) return leave(id, record, signal);
  const isSource = graph.ops[id]?.kind === 'source';
  return isSource && (await solver.peek(id, signal)) === undefined
    ? leave(id, undefined, signal)
    : undefined;
}

function recordsOf(graph: OpGraph, solver: Solver): ReadonlyMap<OpId, CacheRecord> {
  const records = new Map<OpId, CacheRecord>();
  for (const index of graph.ops.keys()) {
    const record = solver.recordOf(index as OpId);
    if (record !== undefined) records.set(index as OpId, record);
  }
  return records;
}

/** Adds every op that has a result by now: the report weighs stages that were not the target. */
async function withCached(
  graph: OpGraph,
  solver: Solver,
  wanted: ReadonlyMap<OpId, SolvedOp | undefined>,
  signal: AbortSignal,
): Promise<SolvedGraph> {
  const results = new Map<OpId, SolvedOp>();
  for (const [index, op] of graph.ops.entries()) {
    const id = index as OpId;
    if (op.kind === 'source' && op.source.type === 'local') continue;
    const result = wanted.get(id) ?? (await solver.known(id)) ?? (await solver.peek(id, signal));
    if (result !== undefined) results.set(id, result);
  }
  return results;
}

/** A solver over the store. Without a `runner` it can only look at what is there. */
export function createGraphSolver(
  graph: OpGraph,
  deps: Omit<SolveGraphDeps, 'runner'> & Partial<Pick<SolveGraphDeps, 'runner'>>,
): Solver {
  const runner: OpRunnerDeps | undefined = deps.runner && {
    ...deps.runner,
    onLargeFileOp: deps.onLargeFileOp,
    contextTree: (name) => deps.contexts.tree(name),
    contextDigest: (name, node) => deps.contexts.hashCache(name)?.get(node),
    isContextFrozen: (name) => deps.contexts.isFrozen(name),
    checkUnchanged,
  };
  const selectionHashes = new Map<string, string>();
  const lists = keepFileLists(deps.store.cache);
  const { imports } = deps;
  const slots = stepSlots(graph, deps.dockerfileId);
  // What an imported cache has may turn out not to be there: then the step runs after all.
  const isSolved = (id: OpId): boolean => {
    const record = solver.recordOf(id);
    return record !== undefined && record.isRemote !== true;
  };
  const readers = followContextReaders(graph, isSolved, (name) => deps.contexts.release(name));
  const solver = new Solver(graph.ops, graph.metadata, {
    cache: imports === undefined ? lists.cache : withImports(lists.cache, deps.store, imports),
    hasSnapshot: (id) => deps.store.snapshots.get(id as SnapshotId) !== undefined,
    async hashFiles(use, input, signal) {
      const pieces: string[] = [];
      const keep = (text: string): void => void pieces.push(text);
      const hash = await hashUse(use, input, graph, { ...deps, keep }, signal);
      // The list of files whose hash was remembered is there already.
      if (pieces.length > 0 || !deps.store.cache.hasFileList(hash)) lists.note(hash, pieces);
      if (input.kind === 'local') selectionHashes.set(hashName(use, input.name), hash);
      return hash;
    },
    async run(id, inputs, signal) {
      if (runner === undefined) throw new TypeError('This solver runs nothing');
      try {
        const op = graph.ops[id];
        if (op !== undefined) await imports?.restoreMounts(op, signal);
        readers.look();
        const { snapshot, bytes } = await runOp(graph, id, opInputs(inputs), runner, signal);
        if (snapshot !== undefined) deps.onSnapshot?.(id, snapshot as SnapshotId, bytes);
        readers.finished(id);
        return { output: { kind: 'snapshot', id: snapshot }, bytes };
      } catch (error) {
        if (isPathError(error)) throw pathTooLong(error.path);
        const { root } = deps.store;
        throw diskError(root, error) ?? storeRefusal(root, error) ?? error;
      }
    },
    fetch: (id, record, signal) =>
      imports === undefined
        ? Promise.resolve(undefined)
        : imports.fetch(record, progressOf(id, deps.emit), signal),
    emit: deps.emit,
    slotOf: (id) => slots.of(id),
    slotsNear: (id) => slots.near(id),
    describe: (id, former, changes) => describeChanges(graph, id, former, changes, lists),
    buildId: deps.buildId,
    jobs: deps.jobs ?? availableParallelism() * JOBS_PER_CORE,
    now: () => deps.now(),
    elapsed: () => deps.elapsed(),
  });
  return solver;

  /** Hashes again what a step read from a build context: the same bytes that the key stands for? */
  async function checkUnchanged(id: OpId, signal: AbortSignal): Promise<void> {
    const op = graph.ops[id];
    if (op === undefined) return;
    for (const use of inputUses(op)) {
      const from = graph.ops[use.from];
      if (from?.kind !== 'source' || from.source.type !== 'local') continue;
      const { name } = from.source;
      const before = selectionHashes.get(hashName(use, name));
      if (before === undefined || deps.contexts.isFrozen(name)) continue;
      const tree = deps.contexts.current(name);
      const after = await hashUse(use, { kind: 'local', name }, graph, { ...deps, tree }, signal);
      if (before !== after) throw changed(graph, id);
    }
  }
}

function progressOf(op: OpId, emit: Emit): (current: number, total: number) => void {
  return (current, total) => emit({ type: 'op-progress', op, what: 'layers', current, total });
}

function changed(graph: OpGraph, id: OpId): BuildError {
  return contextChanged(graph.metadata[id]?.name ?? `op ${String(id)}`);
}

function hashName(use: InputUse, context: string): string {
  return JSON.stringify([context, use.kind === 'files' ? use.selection : null]);
}

async function hashUse(
  use: InputUse,
  input: Output,
  graph: OpGraph,
  deps: Pick<SolveGraphDeps, 'contexts' | 'store'> &
    Pick<HashOptions, 'keep'> & { readonly tree?: FileTree },
  signal: AbortSignal,
): Promise<string> {
  if (use.kind === 'whole') throw new TypeError('Only uses of files have a content hash');
  const { selection } = use;
  const wanted: Selection =
    selection.kind === 'copy' ? selection.action : pathSelection(selection.path);
  const origin = inputOrigin(graph, use.from);
  const { keep } = deps;
  if (input.kind === 'local') {
    const cache = deps.contexts.hashCache(input.name);
    if (deps.tree !== undefined) {
      return hashSelection(deps.tree, wanted, { cache, origin, keep }, signal);
    }
    const memo = explainableMemo(deps.contexts.selectionMemo(input.name), deps.store);
    const tree = deps.contexts.tree(input.name);
    return hashSelection(tree, wanted, { cache, memo, origin, keep }, signal);
  }
  const tree = deps.store.snapshots.tree(input.id as SnapshotId | undefined);
  const cache = deps.store.snapshots.digests;
  return hashSelection(tree, wanted, { cache, origin, keep }, signal);
}

/** Without the list of its files, a hash could not be told from the next one. */
function explainableMemo(memo: SelectionMemo | undefined, { cache }: Store): HashOptions['memo'] {
  if (memo === undefined) return undefined;
  return {
    get(state) {
      const hash = memo.get(state);
      return hash !== undefined && cache.hasFileList(hash) ? hash : undefined;
    },
    put: (state, hash) => memo.put(state, hash),
  };
}

function pathSelection(path: string): Selection {
  return {
    source: path === '' ? '/' : path,
    followsSymlink: true,
    allowsWildcard: false,
    copiesDirContents: true,
    keepsParents: false,
    excludes: [],
  };
}

function opInputs(inputs: ReadonlyMap<OpId, Output>): ReadonlyMap<OpId, OpInput> {
  return inputs;
}

/** The store's own directories make paths longer than they are in the image. */
function isPathError(error: unknown): error is Error & { readonly path: string } {
  if (!(error instanceof Error) || !hasCode(error, 'ENAMETOOLONG')) return false;
  return 'path' in error && typeof error.path === 'string';
}
