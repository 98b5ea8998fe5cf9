import { textToBytes, type BytePath } from '../core/bytes.ts';
import { readTar, type ReadEntry } from '../layer/tar-read.ts';
import { gitSubdirNotFound, gitTreeRefused } from './errors.ts';
import type { GitProgram } from './git-program.ts';

/** A commit in a repository of ours. */
export interface CommitFiles {
  readonly git: GitProgram;
  readonly gitDir: string;
  readonly commit: string;
  /** Relative, clean; empty for all. */
  readonly subdir: string;
  /** Seconds since 1970 for every file; undefined: the time of the commit. */
  readonly mtime: number | undefined;
  /** For messages. */
  readonly url: string;
}

/** A submodule as its repository records it. */
export interface Submodule {
  /** Below the part that is taken. */
  readonly path: string;
  /** As written in `.gitmodules`. */
  readonly address: string;
  readonly commit: string;
}

/**
 * The files of a commit below its `subdir`, as a checkout would have them: line ends as
 * `.gitattributes` says, no filters. Made by `git archive`, so that git itself writes nothing.
 * @throws BuildError GIT_SUBDIR_NOT_FOUND, GIT_TREE_REFUSED, FILTER_FAILED
 */
export async function* commitEntries(
  files: CommitFiles,
  signal: AbortSignal,
): AsyncGenerator<ReadEntry, void> {
  const { git, gitDir, commit, subdir, url } = files;
  await checkSubdir(files, signal);
  const args = ['archive', '--format=tar', commit, ...(subdir === '' ? [] : ['--', subdir])];
  const prefix = textToBytes(subdir === '' ? '' : `${subdir}/`);
  for await (const { entry, content } of readTar(git.stream(args, { gitDir, url }, signal))) {
    const whole = entry.type === 'directory' ? `${entry.name.replace(/\/+$/, '')}/` : entry.name;
    if (!whole.startsWith(prefix) || whole.length === prefix.length) continue;
    const name = whole.slice(prefix.length) as BytePath;
    refuseGitDir(name, url);
    const mtime = files.mtime ?? entry.mtime;
    yield { entry: { ...entry, name, uid: 0, gid: 0, mtime }, content };
  }
}

/** No path of the repository is followed through a link: git looks names up in its own trees. */
async function checkSubdir(
  { git, gitDir, commit, subdir, url }: CommitFiles,
  signal: AbortSignal,
): Promise<void> {
  if (subdir === '') return;
  const type = await git.tryRun(['cat-file', '-t', `${commit}:${subdir}`], { gitDir, url }, signal);
  if (type === undefined) {
    throw gitSubdirNotFound(url, subdir, 'the repository has no such directory');
  }
  if (type.trim() !== 'tree') throw gitSubdirNotFound(url, subdir, 'it is not a directory');
}

/** git refuses to check these out: they would be a repository of the author's making. */
function refuseGitDir(name: BytePath, url: string): void {
  if (name.split('/').some((part) => part.toLowerCase() === '.git')) {
    throw gitTreeRefused(url, `it holds a file named "${name}"`);
  }
}

/** The submodules of a commit below its `subdir`, in the order of their paths. */
export async function submodulesOf(
  files: CommitFiles,
  signal: AbortSignal,
): Promise<readonly Submodule[]> {
  const { git, gitDir, commit, url, subdir } = files;
  const at = { gitDir, url };
  const args = ['config', '-z', '--no-includes', '--blob', `${commit}:.gitmodules`];
  const pattern = String.raw`^submodule\..*\.(path|url)$`;
  const text = await git.tryRun([...args, '--get-regexp', pattern], at, signal);
  if (text === undefined) return [];
  const submodules: Submodule[] = [];
  for (const { path, address } of readModules(text)) {
    if (!isPlainPath(path)) throw gitTreeRefused(url, `a submodule has the path "${path}"`);
    const below =
      subdir === '' ? path : path.startsWith(`${subdir}/`) ? path.slice(subdir.length + 1) : '';
    if (below === '') continue;
    const line = await git.tryRun(['ls-tree', '-z', '--full-tree', commit, '--', path], at, signal);
    const linked = /^160000 commit ([0-9a-f]{40})\t/.exec(line ?? '')?.[1];
    if (linked !== undefined) submodules.push({ path: below, address, commit: linked });
  }
  return submodules.sort((a, b) => (a.path < b.path ? -1 : 1));
}

/** Records of `git config -z`: a key, a line feed, a value, a zero byte. */
function readModules(text: string): { readonly path: string; readonly address: string }[] {
  const modules = new Map<string, { path: string | undefined; address: string | undefined }>();
  for (const record of text.split('\0')) {
    const [, name, key, value] = /^submodule\.(.*)\.(path|url)\n([\s\S]*)$/s.exec(record) ?? [];
    if (name === undefined || value === undefined) continue;
    const known = modules.get(name) ?? { path: undefined, address: undefined };
    modules.set(name, key === 'path' ? { ...known, path: value } : { ...known, address: value });
  }
  return [...modules.values()].flatMap(({ path, address }) =>
    path === undefined || address === undefined ? [] : [{ path, address }],
  );
}

function isPlainPath(path: string): boolean {
  if (path === '' || path.startsWith('-') || path.startsWith('/') || /[\u0000-\u001f]/.test(path)) {
    return false;
  }
  return path
    .split('/')
    .every((part) => part !== '' && part !== '.' && part !== '..' && part.toLowerCase() !== '.git');
}
