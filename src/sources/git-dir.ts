import { chmodSync, mkdirSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { GitProgram } from './git-program.ts';
import type { FetchedCommit } from './git-repository.ts';

/**
 * Makes `.git` for the files of a commit at `target`, a host path where nothing is: a shallow repository
 * on that commit, with its index, without hooks, and with an address that holds no password. `scratch`
 * is a directory of the same file system, and empty.
 */
export async function writeGitDir(
  git: GitProgram,
  fetched: FetchedCommit,
  to: {
    readonly target: string;
    readonly scratch: string;
    /** Shown form of the remote. */
    readonly address: string;
    /** Full name of the branch or tag that the commit was found by. */
    readonly refName: string | undefined;
    readonly url: string;
  },
  signal: AbortSignal,
): Promise<void> {
  const { target, scratch, refName, url } = to;
  const { commit } = fetched;
  const gitDir = join(scratch, '.git');
  const at = { gitDir, url };
  mkdirSync(gitDir);
  await git.run(['init', '--quiet', '--template='], at, signal);
  const spec = `refs/stagecraft/${commit}:refs/stagecraft/own`;
  const fetch = ['fetch', '--quiet', '--no-tags', '--depth=1', '--no-write-fetch-head', '--'];
  await git.run(
    [...fetch, `file://${fetched.gitDir}`, spec],
    { ...at, fetchesFromOwn: true },
    signal,
  );
  if (refName !== undefined && refName !== 'HEAD') {
    await git.run(['update-ref', refName, commit], at, signal);
  }
  await git.run(['config', 'remote.origin.url', to.address], at, signal);
  await git.run(['config', 'core.bare', 'false'], at, signal);
  await git.run(['read-tree', commit], at, signal);
  await git.run(['update-ref', '-d', 'refs/stagecraft/own'], at, signal);
  writeFileSync(join(gitDir, 'HEAD'), `${commit}\n`);
  rmSync(join(gitDir, 'logs'), { recursive: true, force: true });
  openModes(gitDir);
  renameSync(gitDir, target);
}

/** Modes as git gives them under the usual umask, whatever this process has. */
function openModes(directory: string): void {
  chmodSync(directory, 0o755);
  for (const entry of readdirSync(directory, { withFileTypes: true })) {
    const path = join(directory, entry.name);
    if (entry.isDirectory()) openModes(path);
    else chmodSync(path, /\/objects\//.test(path) ? 0o444 : 0o644);
  }
}
