import { mkdirSync, renameSync } from 'node:fs';
import { join } from 'node:path';
import { namesIn } from '../host/list-names.ts';
import { acquireLock, tryLock } from '../host/lock.ts';
import { hasCode } from '../host/sys.ts';
import { measureDirectory } from './measure-directory.ts';

/**
 * What is kept of URLs and repositories between builds: `sources/urls/…` and `sources/git/…`. All of it
 * can be fetched again. Builds that fetch share a lock; whoever tidies takes it alone or lets be.
 */

/** A URL or repository with what is kept of it. */
export interface KeptSource {
  /** Path below `sources`, such as `git/0a1b…`. */
  readonly id: string;
  readonly bytes: number;
  /** Milliseconds since 1970. */
  readonly lastUsed: number;
}

/** Keeps all of it from being tidied away until disposed. */
export function holdSources(root: string, signal: AbortSignal): Promise<AsyncDisposable> {
  return acquireLock(lockPath(root), { type: 'shared' }, signal);
}

/** Measures them file by file. */
export async function listSources(root: string, signal: AbortSignal): Promise<KeptSource[]> {
  const sources: KeptSource[] = [];
  for (const kind of ['urls', 'git']) {
    for (const name of namesIn(join(root, 'sources', kind))) {
      const directory = join(root, 'sources', kind, name);
      sources.push({ id: `${kind}/${name}`, ...(await measureDirectory(directory, signal)) });
    }
  }
  return sources;
}

/**
 * Moves them into `trash`, a directory of the store, for the caller to remove. Returns those that were
 * there; none while a build fetches.
 */
export function takeSources(
  root: string,
  ids: ReadonlySet<string>,
  trash: (id: string) => string,
): readonly string[] {
  if (ids.size === 0) return [];
  mkdirSync(join(root, 'locks'), { recursive: true, mode: 0o700 });
  const lock = tryLock(lockPath(root), 'exclusive');
  if (lock === undefined) return [];
  try {
    return [...ids].filter((id) => {
      try {
        renameSync(join(root, 'sources', id), trash(id.replace('/', '-')));
        return true;
      } catch (error) {
        if (hasCode(error, 'ENOENT', 'ENOTEMPTY', 'EEXIST')) return false;
        throw error;
      }
    });
  } finally {
    lock.release();
  }
}

function lockPath(root: string): string {
  return join(root, 'locks', 'sources');
}
