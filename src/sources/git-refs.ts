import { nearest } from '../core/suggest.ts';
import { gitFailed, gitRefNotFound } from './errors.ts';
import type { GitProgram } from './git-program.ts';
import type { GitRemote } from './git-remote.ts';

/** What a name of a repository leads to at present. */
export interface ResolvedRef {
  /** 40 hex digits. */
  readonly commit: string;
  /** Full name, such as `refs/heads/main`; undefined when a commit was named. */
  readonly name: string | undefined;
  /** The object of an annotated tag. */
  readonly tag: string | undefined;
}

/** What git allows in names; servers may say anything. */
const NAME = /^(?:HEAD|refs\/[^\s:*?[~\\^]+)(?:\^\{\})?$/;

/** A whole commit id. */
export const COMMIT = /^[0-9a-f]{40}$/;

/**
 * Asks a repository what `ref` is; undefined is its default branch. Branches go before tags of the same
 * name, as in BuildKit. Nobody is asked about a whole commit id.
 * @throws BuildError GIT_REF_NOT_FOUND, GIT_FETCH_FAILED
 */
export async function resolveRef(
  git: GitProgram,
  remote: GitRemote,
  ref: string | undefined,
  url: string,
  signal: AbortSignal,
): Promise<ResolvedRef> {
  if (ref !== undefined && COMMIT.test(ref)) {
    return { commit: ref, name: undefined, tag: undefined };
  }
  const names = ref === undefined ? ['HEAD'] : candidates(ref);
  const refs = await listRefs(
    git,
    remote,
    ref === undefined ? ['--symref', 'HEAD'] : [],
    url,
    signal,
  );
  for (const name of names) {
    const id = refs.get(name);
    if (id === undefined) continue;
    const peeled = refs.get(`${name}^{}`);
    return { commit: peeled ?? id, name: refs.get(`symbolic ${name}`) ?? name, tag: peeled && id };
  }
  if (ref === undefined) throw gitFailed(url, 'the repository is empty, or its default branch is');
  const known = [...refs.keys()].map((name) => name.replace(/^refs\/(?:heads|tags)\//, ''));
  throw gitRefNotFound(url, ref, nearest(ref, known));
}

function candidates(ref: string): readonly string[] {
  if (ref === 'HEAD' || ref.startsWith('refs/')) return [ref];
  return [`refs/heads/${ref}`, `refs/tags/${ref}`, `refs/${ref}`];
}

/** Ids by name. With `--symref`, `symbolic HEAD` has the name that HEAD stands for. */
async function listRefs(
  git: GitProgram,
  remote: GitRemote,
  [option, pattern]: readonly string[],
  url: string,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const options = ['ls-remote', '--quiet', ...(option === undefined ? [] : [option]), '--'];
  const args = [...options, remote.url, ...(pattern === undefined ? [] : [pattern])];
  const refs = new Map<string, string>();
  for (const line of (await git.run(args, { remote, url }, signal)).split('\n')) {
    const [id = '', name = ''] = line.split('\t');
    const target = /^ref: (refs\/[^\s:*?[~\\^]+)$/.exec(id)?.[1];
    if (target !== undefined) refs.set(`symbolic ${name}`, target);
    else if (COMMIT.test(id) && NAME.test(name)) refs.set(name, id);
  }
  return refs;
}
