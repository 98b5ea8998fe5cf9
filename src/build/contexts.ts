import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { MAIN_CONTEXT } from '../ops/lower-source.ts';
import type { Emit } from '../events/event.ts';
import { collectMuchGarbage } from '../host/collect-garbage.ts';
import type { NamedContext } from '../stages/plan-request.ts';
import { frozenContext, openContext, type ContextTree } from '../tree/context-tree.ts';
import { openHashCache, type HashCache, type HashCacheOptions } from '../tree/hash-cache.ts';
import type { SeenFile } from '../tree/file-tree.ts';
import { openSelectionMemo, type SelectionMemo } from '../tree/selection-memo.ts';
import { settledFiles } from '../tree/settled-files.ts';
import type { BuildInput } from './build-input.ts';
import { badContext } from './errors.ts';
import { contextFiles, keepContext, type ContextFiles } from './kept-contexts.ts';
import { readIgnoreFile } from './read-ignore-file.ts';

/** The directories that a build reads, each opened when it is first needed. */
export interface BuildContexts {
  /** The files of a local source op. @throws BuildError CONTEXT_NOT_A_DIRECTORY */
  tree(name: string): ContextTree;
  /** The files of a local source op as they are now; `tree` remembers what it has seen. */
  current(name: string): ContextTree;
  /** Digests of files read in former builds; none for what never changes. */
  hashCache(name: string): HashCache | undefined;
  /** Hashes of what was selected in former builds; none for what never changes. */
  selectionMemo(name: string): SelectionMemo | undefined;
  /** True for what was fetched or unpacked: nobody writes to it. */
  isFrozen(name: string): boolean;
  /** Keeps what was hashed for the next build. */
  save(): void;
  /**
   * Call when nothing that was hashed is copied any more: keeps it as `save` does, and forgets what is known of
   * the files. Whoever asks for them later sees them as they are then.
   */
  release(name: string): void;
  /** All that was looked at, as it was then; undefined when some of it is not known any more. */
  seen(): Iterable<SeenFile> | undefined;
}

/** `root` is that of the store. An ignore file beside the Dockerfile goes before the one of the main context. */
export function openContexts(
  { context: main, dockerfile }: Pick<BuildInput, 'context' | 'dockerfile'>,
  named: ReadonlyMap<string, NamedContext>,
  root: string,
  cwd: string,
  now: () => number,
  emit: Emit,
): BuildContexts {
  const trees = new Map<string, ContextTree>();
  const caches = new Map<string, HashCache>();
  const memos = new Map<string, SelectionMemo>();
  /** Where those are that have either of the two. */
  const paths = new Map<string, string>();

  const directoryOf = (name: string): string | undefined => {
    if (name === MAIN_CONTEXT) return main.kind === 'directory' ? main.path : undefined;
    const context = named.get(name);
    if (context?.type !== 'local') throw new TypeError(`No local context "${name}"`);
    return requireDirectory(context.path, cwd);
  };
  let isForgotten = false;
  const isFrozen = (name: string): boolean => name === MAIN_CONTEXT && main.kind === 'files';
  const openedNs = BigInt(now()) * 1_000_000n;
  const keptFor = (name: string, kind: keyof ContextFiles): HashCacheOptions => {
    const path = remember(paths, name, (each) => directoryOf(each) ?? '');
    return { file: contextFiles(root, path)[kind], settled: settledFiles(path, openedNs) };
  };
  const open = (name: string): ContextTree => {
    if (name === MAIN_CONTEXT && main.kind === 'files') return frozenContext(main.tree);
    const directory = directoryOf(name);
    const beside = name === MAIN_CONTEXT ? dockerfile.hostPath : undefined;
    const ignore = directory === undefined ? undefined : readIgnoreFile(directory, beside, emit);
    return openContext(directory, ignore);
  };

  const save = (name: string): void => {
    const path = paths.get(name);
    if (path === undefined) return;
    keepContext(root, path, now(), () => {
      caches.get(name)?.save();
      memos.get(name)?.save();
    });
  };

  return {
    tree: (name) => remember(trees, name, open),
    isFrozen,
    hashCache: (name) =>
      isFrozen(name)
        ? undefined
        : remember(caches, name, () => openHashCache(keptFor(name, 'digests'))),
    selectionMemo: (name) =>
      isFrozen(name)
        ? undefined
        : remember(memos, name, () => openSelectionMemo(keptFor(name, 'selections'))),
    current: open,
    save() {
      for (const name of paths.keys()) save(name);
    },
    release(name) {
      save(name);
      isForgotten ||= trees.has(name);
      for (const known of [trees, caches, memos, paths]) known.delete(name);
      collectMuchGarbage();
    },
    seen() {
      const all = [...trees.values()];
      const areKnown = all.every(({ seen }) => seen !== undefined);
      return isForgotten || !areKnown ? undefined : allSeen(all);
    },
  };
}

function* allSeen(trees: readonly ContextTree[]): Generator<SeenFile> {
  for (const tree of trees) yield* tree.seen?.() ?? [];
}

function remember<T>(known: Map<string, T>, name: string, make: (name: string) => T): T {
  const value = known.get(name) ?? make(name);
  known.set(name, value);
  return value;
}

function requireDirectory(path: string, cwd: string): string {
  const hostPath = resolve(cwd, path);
  const stat = statSync(hostPath, { throwIfNoEntry: false });
  if (stat === undefined) throw badContext(path, 'it does not exist', undefined);
  if (!stat.isDirectory()) throw badContext(path, 'it is not a directory', undefined);
  return hostPath;
}
