import { textToBytes, type BytePath } from '../core/bytes.ts';
import type { BuildError } from '../diagnostics/build-error.ts';
import { sourceNotFound } from './copy-source-errors.ts';
import type { FileTree, TreeNode } from './file-tree.ts';
import { joinPath } from './node.ts';
import { copyFilter, nameMatcher } from './pattern-filter.ts';
import { namesOf } from './resolve.ts';
import type { SelectedRoot, WalkFilter } from './walk-selected.ts';

/** What a COPY reads from its source: the fields of a CopyAction that say so. */
export interface Selection {
  /** Path as written. May hold wildcards when `allowsWildcard`, and a `/./` pivot when `keepsParents`. */
  readonly source: string;
  /** A symlink that is named itself is followed; one below a copied directory never is. */
  readonly followsSymlink: boolean;
  readonly allowsWildcard: boolean;
  readonly copiesDirContents: boolean;
  /** Copies from the pivot (else from the root), keeping the directories that lead to the source. */
  readonly keepsParents: boolean;
  /** Patterns as in .dockerignore, relative to each copied directory. */
  readonly excludes: readonly string[];
}

/**
 * Expands the source of a COPY into what is copied, in order. A wildcard without a match gives
 * nothing, a path without wildcards has to be there.
 *
 * Semantics: BuildKit `solver/llbsolver/file/backend.go` and fsutil `copy/copy.go`. `..` stops at the
 * root. Wildcards are matched name by name with Go's `filepath.Match`; directories before the first
 * one are followed through links, later ones are not. Unlike there, a file that is named itself is
 * left out when `excludes` match its name, as Docker's manual says.
 *
 * `origin` says in errors where was looked, such as `stage "builder"`.
 *
 * @throws BuildError COPY_SOURCE_NOT_FOUND, COPY_PATTERN_INVALID, SYMLINK_LOOP
 */
export function selectFiles(
  tree: FileTree,
  selection: Selection,
  origin: string | undefined,
): SelectedRoot[] {
  const { base, include } = splitPivot(selection);
  const search: Search = { tree, selection, origin };
  const filter = copyFilter(include, selection.excludes);
  const names = clampedNames(base);
  const firstWildcard = selection.allowsWildcard ? names.findIndex(hasWildcard) : -1;
  const found =
    firstWildcard < 0
      ? [literal(search, names)]
      : matches(search, names.slice(0, firstWildcard), names.slice(firstWildcard));
  const roots = found.map(({ node, name }) => ({ node, name, filter }));
  if (include !== undefined && !hasWildcard(textToBytes(selection.source))) {
    requirePath(search, roots, include);
  }
  return roots.filter((root) => !isExcludedFile(root, filter));
}

/** Where is looked, and what for. */
interface Search {
  readonly tree: FileTree;
  readonly selection: Selection;
  readonly origin: string | undefined;
}

interface Found {
  readonly node: TreeNode;
  readonly name: BytePath;
}

/** With `keepsParents`, the directory that is copied from and the pattern below it. */
function splitPivot(selection: Selection): { base: string; include: string | undefined } {
  if (!selection.keepsParents) return { base: selection.source, include: undefined };
  const pivot = selection.source.indexOf('/./');
  const base = pivot < 0 ? '/' : selection.source.slice(0, pivot);
  const pattern = pivot < 0 ? selection.source : selection.source.slice(pivot + 3);
  const include = clampedNames(pattern).join('/');
  // Nothing but dots: all of it.
  return { base, include: include === '' ? undefined : include };
}

/** The names of a path, `..` taken away with the name before it and stopping at the root. */
function clampedNames(path: string): BytePath[] {
  const names: BytePath[] = [];
  for (const name of namesOf(textToBytes(path))) {
    if (name === '..') names.pop();
    else names.push(name);
  }
  return names;
}

function literal(search: Search, names: readonly BytePath[]): Found {
  const { tree, selection } = search;
  const path = `/${names.join('/')}` as BytePath;
  const node = tree.lookup(path, { followsLast: selection.followsSymlink });
  if (node === undefined) throw notFound(search, path);
  return { node, name: names.at(-1) ?? ('' as BytePath) };
}

function matches(
  search: Search,
  before: readonly BytePath[],
  patterns: readonly BytePath[],
): Found[] {
  const { tree } = search;
  const path = `/${before.join('/')}` as BytePath;
  const start = tree.lookup(path, { followsLast: search.selection.followsSymlink });
  if (start === undefined) throw notFound(search, path);
  let level: TreeNode[] = [start];
  for (const pattern of patterns) {
    level = level
      .filter((node) => node.type === 'directory')
      .flatMap((directory) => matchingChildren(tree, directory, pattern));
  }
  return level.map((node) => followed(search, node));
}

function matchingChildren(tree: FileTree, directory: TreeNode, pattern: BytePath): TreeNode[] {
  const matcher = nameMatcher(pattern);
  return tree
    .list(directory)
    .filter((name) => matcher.matches(name))
    .map((name) => tree.child(directory, name))
    .filter((node) => node !== undefined);
}

function followed(search: Search, match: TreeNode): Found {
  const { tree, selection } = search;
  const name = namesOf(match.path).at(-1) ?? ('' as BytePath);
  if (match.type !== 'symlink' || !selection.followsSymlink) return { node: match, name };
  const node = tree.lookup(match.path, { followsLast: true });
  if (node === undefined) throw notFound(search, match.path);
  return { node, name };
}

/** With `keepsParents`, a path without wildcards has to be there below its pivot. */
function requirePath(search: Search, roots: readonly SelectedRoot[], include: string): void {
  for (const root of roots) {
    let directory = root.node;
    for (const name of namesOf(include as BytePath)) {
      // A link on the way is copied as a link, so nothing is below it.
      const node = directory.type === 'directory' ? search.tree.child(directory, name) : undefined;
      if (node === undefined) throw notFound(search, joinPath(directory.path, name));
      directory = node;
    }
  }
}

function isExcludedFile(root: SelectedRoot, filter: WalkFilter | undefined): boolean {
  if (filter === undefined || root.node.type === 'directory') return false;
  return !filter.decide(root.name).isSelected;
}

/** Whether a name has to be matched (fsutil `containsWildcards`): a backslash quotes the next char. */
function hasWildcard(name: BytePath): boolean {
  return /^(?:[^*?[\\]|\\[^])*[*?[]/.test(name);
}

function notFound({ tree, selection, origin }: Search, path: BytePath): BuildError {
  return sourceNotFound({ tree, source: selection.source, path, origin });
}
