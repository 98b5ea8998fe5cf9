import { createHash } from 'node:crypto';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gitRefNotFound } from './errors.ts';
import type { GitProgram } from './git-program.ts';
import { shownRemote, type GitRemote } from './git-remote.ts';
import type { ResolvedRef } from './git-refs.ts';

/** Where copies of repositories are kept between builds. */
export interface GitStore {
  readonly git: GitProgram;
  /** One bare repository for each address; made when it is not there. */
  readonly directory: string;
  /** Waits until nobody else works on the repository of this name. */
  readonly lock: (name: string, signal: AbortSignal) => Promise<AsyncDisposable>;
}

/** A bare repository that has a commit with all its files. */
export interface FetchedCommit {
  readonly gitDir: string;
  readonly commit: string;
}

/**
 * Fetches one commit, and nothing else where the server can do that. What was fetched in former builds
 * is not fetched again. What is there once stays as long as the store is in use.
 * @throws BuildError GIT_FETCH_FAILED, GIT_REF_NOT_FOUND
 */
export async function fetchCommit(
  { git, directory, lock }: GitStore,
  remote: GitRemote,
  ref: Pick<ResolvedRef, 'commit' | 'name'>,
  url: string,
  signal: AbortSignal,
): Promise<FetchedCommit> {
  const name = createHash('sha256').update(remote.url).digest('hex').slice(0, 32);
  const gitDir = join(directory, name);
  const fetcher = { git, gitDir, remote, url };
  await using _lock = await lock(`git-${name}`, signal);
  if (!(await hasCommit(fetcher, ref.commit, signal))) {
    // What was left by a build that was killed, or a disk that lies, is not worth mending.
    if (!(await isRepository(fetcher, signal))) await makeRepository(fetcher, signal);
    await fetchInto(fetcher, ref, signal);
  }
  return { gitDir, commit: ref.commit };
}

interface Fetcher {
  readonly git: GitProgram;
  readonly gitDir: string;
  readonly remote: GitRemote;
  readonly url: string;
}

/** Our own mark that a commit is here with all that it needs: objects may arrive one by one. */
function markOf(commit: string): string {
  return `refs/stagecraft/${commit}`;
}

async function hasCommit(
  { git, gitDir, url }: Fetcher,
  commit: string,
  signal: AbortSignal,
): Promise<boolean> {
  const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${markOf(commit)}^{tree}`];
  return (await git.tryRun(args, { gitDir, url }, signal)) !== undefined;
}

async function isRepository({ git, gitDir, url }: Fetcher, signal: AbortSignal): Promise<boolean> {
  const found = await git.tryRun(['rev-parse', '--is-bare-repository'], { gitDir, url }, signal);
  return found?.trim() === 'true';
}

async function makeRepository(
  { git, gitDir, url, remote }: Fetcher,
  signal: AbortSignal,
): Promise<void> {
  rmSync(gitDir, { recursive: true, force: true });
  mkdirSync(gitDir, { recursive: true, mode: 0o700 });
  await git.run(['init', '--bare', '--quiet', '--template='], { gitDir, url }, signal);
  mkdirSync(join(gitDir, 'info'), { recursive: true });
  // A working tree has files that `git archive` would leave out or rewrite.
  writeFileSync(join(gitDir, 'info', 'attributes'), '* -export-ignore -export-subst -filter\n');
  writeFileSync(join(gitDir, 'description'), `${shownRemote(remote)}\n`);
}

/** The commit alone; else the branch or tag that it stands behind; else everything. */
async function fetchInto(
  fetcher: Fetcher,
  ref: Pick<ResolvedRef, 'commit' | 'name'>,
  signal: AbortSignal,
): Promise<void> {
  const { git, gitDir, remote, url } = fetcher;
  const { commit, name } = ref;
  const at = { gitDir, remote, url };
  const fetch = ['fetch', '--quiet', '--no-tags', '--force', '--no-write-fetch-head'];
  const spec = (source: string): string => `${source}:${markOf('fetching')}`;
  const wishes = [commit, ...(name === undefined ? [] : [name])];
  for (const wish of wishes) {
    const args = [...fetch, '--depth=1', '--', remote.url, spec(wish)];
    const isFetched = (await git.tryRun(args, at, signal)) !== undefined;
    if (isFetched && (await isWhole(fetcher, commit, signal))) return mark(fetcher, commit, signal);
  }
  // Servers of plain files cannot leave anything out (dumb HTTP).
  const everything = ['+refs/heads/*:refs/remotes/heads/*', '+refs/tags/*:refs/remotes/tags/*'];
  await git.run([...fetch, '--', remote.url, ...everything], at, signal);
  if (!(await isWhole(fetcher, commit, signal))) throw gitRefNotFound(url, commit, undefined);
  await mark(fetcher, commit, signal);
}

async function isWhole(
  { git, gitDir, url }: Fetcher,
  commit: string,
  signal: AbortSignal,
): Promise<boolean> {
  const args = ['cat-file', '-e', `${commit}^{tree}`];
  return (await git.tryRun(args, { gitDir, url }, signal)) !== undefined;
}

async function mark(
  { git, gitDir, url }: Fetcher,
  commit: string,
  signal: AbortSignal,
): Promise<void> {
  await git.run(['update-ref', markOf(commit), commit], { gitDir, url }, signal);
}
