import { bytesToText, type BytePath } from '../core/bytes.ts';
import { nearest } from '../core/suggest.ts';
import { BuildError } from '../diagnostics/build-error.ts';
import { isContextTree } from './context-tree.ts';
import { shown } from './errors.ts';
import type { FileTree, TreeNode } from './file-tree.ts';
import { joinPath } from './node.ts';
import { namesOf } from './resolve.ts';

/** What a COPY looked for and did not find. */
export interface MissingSource {
  readonly tree: FileTree;
  /** As written. */
  readonly source: string;
  /** The path in `tree` that is not there; absolute, without wildcards. */
  readonly path: BytePath;
  /** Where was looked, such as `stage "builder"`. */
  readonly origin: string | undefined;
}

/** A path without wildcards that is not in its source. Says why, or what is there instead. */
export function sourceNotFound(missing: MissingSource): BuildError {
  const { tree, source, origin } = missing;
  const where = origin ?? (isContextTree(tree) ? 'the build context' : 'the source');
  return new BuildError({
    code: 'COPY_SOURCE_NOT_FOUND',
    class: 'input',
    message: `Cannot copy "${shown(source)}": ${found(missing, where)}`,
    hint: ignoredHint(missing) ?? nearHint(missing),
  });
}

/** A wildcard or `--exclude` pattern with wrong syntax. */
export function invalidCopyPattern(pattern: string): BuildError {
  return new BuildError({
    code: 'COPY_PATTERN_INVALID',
    class: 'input',
    message: `Cannot match "${shown(pattern)}": syntax error in pattern`,
    hint: 'Close every "[" with "]", and write "\\\\" for a backslash.',
  });
}

function found(missing: MissingSource, where: string): string {
  const { tree, path, source } = missing;
  const link = lookUp(tree, path, false);
  if (link?.type === 'symlink') {
    return `"${shown(link.path)}" in ${where} is a symbolic link to a file that is not there`;
  }
  const name = shown(path);
  return `${name === shown(source) ? 'it' : `"${name}"`} is not in ${where}`;
}

function ignoredHint({ tree, path }: MissingSource): string | undefined {
  const rule = isContextTree(tree) ? tree.whyIgnored(path) : undefined;
  if (rule === undefined) return undefined;
  return `Line ${rule.line} of ${shown(rule.file)} ("${shown(rule.pattern)}") leaves it out.`;
}

function nearHint({ tree, path }: MissingSource): string | undefined {
  let directory = lookUp(tree, '/' as BytePath, true);
  for (const name of namesOf(path)) {
    if (directory?.type !== 'directory') return undefined;
    const below = lookUp(tree, joinPath(directory.path, name), true);
    if (below === undefined) return nearName(tree, directory, name);
    directory = below;
  }
  return undefined;
}

/** A loop of links on the way is no reason to say less. */
function lookUp(tree: FileTree, path: BytePath, followsLast: boolean): TreeNode | undefined {
  try {
    return tree.lookup(path, { followsLast });
  } catch (error) {
    if (error instanceof BuildError) return undefined;
    throw error;
  }
}

function nearName(tree: FileTree, directory: TreeNode, name: BytePath): string | undefined {
  const names = tree.list(directory).map((one) => bytesToText(one));
  // It is there, as a link that leads nowhere.
  if (names.includes(bytesToText(name))) return undefined;
  const near = nearest(bytesToText(name), names);
  if (near === undefined) return undefined;
  return `Did you mean "${shown(joinPath(directory.path, near as BytePath))}"?`;
}
