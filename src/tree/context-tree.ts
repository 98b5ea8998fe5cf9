import type { BytePath } from '../core/bytes.ts';
import type { PatternMatcher } from '../dockerfile/pattern-matcher.ts';
import { listEntries, type ListedEntry } from '../host/list-entries.ts';
import { hasCode } from '../host/sys.ts';
import { openChainTree } from './chain-tree.ts';
import { openDirTree, type NameFilter } from './dir-tree.ts';
import type { FileTree, SeenFile, TreeNode } from './file-tree.ts';
import { joinPath } from './node.ts';

/** The files of a local build context, without those that its ignore file leaves out. */
export interface ContextTree extends FileTree {
  /** The rule that leaves out `path` or a directory above it; undefined when none does. */
  whyIgnored(path: BytePath): IgnoreRule | undefined;
}

/** A line of an ignore file. */
interface IgnoreRule {
  /** Name of the ignore file, as its user knows it. */
  readonly file: string;
  /** 1 for the first. */
  readonly line: number;
  readonly pattern: string;
}

/**
 * Opens a build context; without `dir` it is empty. All files belong to 0:0, as BuildKit's client sends
 * them (`client/solve.go`). An ignored directory is never listed unless an exception may match below
 * it; it is there when one does. Sockets are left out, as no image can hold one. What was looked at
 * once is remembered, so that what is copied is what was hashed.
 *
 * Lookups throw BuildError FILE_UNREADABLE where this process may not look.
 *
 * @throws the error of the system call when `dir` is not there
 */
export function openContext(
  dir: string | undefined,
  ignore: PatternMatcher | undefined,
): ContextTree {
  const filter = ignore === undefined ? undefined : new IgnoreFilter(ignore);
  const tree =
    dir === undefined
      ? openChainTree([])
      : openDirTree(dir, {
          owner: { uid: 0, gid: 0 },
          filter,
          hidesSockets: true,
          remembers: true,
        });
  return {
    lookup: tree.lookup.bind(tree),
    list: tree.list.bind(tree),
    child: tree.child.bind(tree),
    states: tree.states,
    *seen() {
      yield* tree.seen?.() ?? [];
      yield* filter?.seen() ?? [];
    },
    whyIgnored(path) {
      const match = ignore?.matches(path.slice(1) as BytePath);
      if (match?.isIgnored !== true || match.rule === undefined) return undefined;
      const { span, line, text } = match.rule;
      return { file: span.file.path, line, pattern: text };
    },
  };
}

/** A build context whose files were fetched or unpacked: all of them belong to it. */
export function frozenContext(tree: FileTree): ContextTree {
  return {
    lookup: tree.lookup.bind(tree),
    list: tree.list.bind(tree),
    child: tree.child.bind(tree),
    whyIgnored: () => undefined,
  };
}

/** True for trees that can say why a file is not there. */
export function isContextTree(tree: FileTree): tree is ContextTree {
  return 'whyIgnored' in tree;
}

class IgnoreFilter implements NameFilter {
  readonly #ignore: PatternMatcher;
  /** Whether an ignored directory holds something that is not, by path. */
  readonly #holds = new Map<BytePath, boolean>();
  /** Ignored directories that were listed for that. */
  readonly #listed: BytePath[] = [];

  constructor(ignore: PatternMatcher) {
    this.#ignore = ignore;
  }

  includes(directory: TreeNode, name: BytePath, isDirectory: boolean): boolean {
    const path = joinPath(directory.path, name).slice(1) as BytePath;
    return this.#isKept(path, joinPath(directory.hostPath, name), isDirectory);
  }

  *seen(): Generator<SeenFile> {
    for (const hostPath of this.#listed) yield { hostPath, node: undefined, isListed: true };
  }

  #isKept(path: BytePath, hostPath: BytePath, isDirectory: boolean): boolean {
    if (!this.#ignore.matches(path).isIgnored) return true;
    if (!isDirectory || !this.#ignore.mayContainReincluded(path)) return false;
    const known = this.#holds.get(path);
    if (known !== undefined) return known;
    const holds = this.#holdsKept(path, hostPath);
    this.#holds.set(path, holds);
    return holds;
  }

  #holdsKept(path: BytePath, hostPath: BytePath): boolean {
    this.#listed.push(hostPath);
    return readEntries(hostPath).some((entry) => {
      const { name } = entry;
      const below = `${path}/${name}` as BytePath;
      return this.#isKept(below, joinPath(hostPath, name), entry.isDirectory());
    });
  }
}

/** An ignored directory that cannot be read has nothing to offer: it is ignored. */
function readEntries(hostPath: BytePath): readonly ListedEntry[] {
  try {
    return listEntries(hostPath);
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'EACCES', 'EPERM')) return [];
    throw error;
  }
}
