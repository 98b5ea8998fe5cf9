import { spawnSync } from 'node:child_process';
import { accessSync, constants, readFileSync } from 'node:fs';
import { BuildError } from '../diagnostics/build-error.ts';
import { USER_NAMESPACE_VARIABLE, type UserNamespaceIds } from './current-user-namespace.ts';
import { execProgram } from './exec-program.ts';
import { findSurroundings, namespaceRemedy } from './surroundings.ts';

/**
 * Starts this program anew as root of a user namespace, in place of this process. An ordinary user may
 * then mount overlays and run steps with many ids. Node cannot enter one itself, as the kernel wants a
 * process of one thread for that.
 *
 * `argv` is the program and its arguments; `env` is what it gets, plus `USER_NAMESPACE_VARIABLE`.
 * @throws BuildError USER_NAMESPACE_DENIED
 */
export function enterUserNamespace(
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
  userName: string,
  uid: number,
): never {
  const unshare = findProgram('unshare', env);
  if (unshare === undefined) {
    throw denied('the program "unshare" is not installed', 'Install util-linux');
  }
  const ids = hasSubordinateIds(userName, uid, env) ? 'subordinate' : 'single';
  const failure = tryMapping(unshare, ids, env);
  if (failure === undefined) return start(unshare, ids, argv, env);
  if (ids === 'subordinate' && tryMapping(unshare, 'single', env) === undefined) {
    return start(unshare, 'single', argv, env);
  }
  throw denied(failure, remedyFor(failure, env));
}

function start(
  unshare: string,
  ids: UserNamespaceIds,
  argv: readonly string[],
  env: Readonly<Record<string, string | undefined>>,
): never {
  return execProgram(unshare, ['unshare', ...mappingFlags(ids), '--', ...argv], {
    ...env,
    // It looks for newuidmap there.
    PATH: searchedDirectories(env).join(':'),
    [USER_NAMESPACE_VARIABLE]: ids,
  });
}

function mappingFlags(ids: UserNamespaceIds): string[] {
  const flags = ['--user', '--map-root-user'];
  return ids === 'subordinate' ? [...flags, '--map-auto'] : flags;
}

/** What goes wrong, or undefined. Costs 3 to 6 ms, and keeps unclear errors from the user. */
function tryMapping(
  unshare: string,
  ids: UserNamespaceIds,
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  const { status, stderr } = spawnSync(unshare, [...mappingFlags(ids), '--', 'true'], {
    env: { PATH: searchedDirectories(env).join(':') },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  if (status === 0) return undefined;
  return stderr.toString('utf8').trim().slice(0, 300) || 'unshare failed';
}

function hasSubordinateIds(
  userName: string,
  uid: number,
  env: Readonly<Record<string, string | undefined>>,
): boolean {
  return (
    ['newuidmap', 'newgidmap'].every((name) => findProgram(name, env) !== undefined) &&
    ['/etc/subuid', '/etc/subgid'].every((path) => namesUser(path, userName, uid))
  );
}

function namesUser(path: string, userName: string, uid: number): boolean {
  try {
    return readFileSync(path, 'utf8')
      .split('\n')
      .some((line) => line.startsWith(`${userName}:`) || line.startsWith(`${String(uid)}:`));
  } catch {
    return false;
  }
}

function findProgram(
  name: string,
  env: Readonly<Record<string, string | undefined>>,
): string | undefined {
  return searchedDirectories(env)
    .map((directory) => `${directory}/${name}`)
    .find((path) => isExecutable(path));
}

/** Those of PATH, then where the programs mostly are: services and cron jobs have a short PATH. */
function searchedDirectories(env: Readonly<Record<string, string | undefined>>): string[] {
  const named = (env['PATH'] ?? '').split(':').filter((directory) => directory.startsWith('/'));
  return [...named, '/usr/bin', '/bin', '/usr/sbin'];
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

function remedyFor(failure: string, env: Readonly<Record<string, string | undefined>>): string {
  return /failed to execute new[ug]idmap/.test(failure)
    ? 'Install the package "uidmap" (elsewhere "shadow-utils"), for example: apt-get install uidmap'
    : namespaceRemedy(findSurroundings(env));
}

function denied(found: string, hint: string): BuildError {
  return new BuildError({
    code: 'USER_NAMESPACE_DENIED',
    class: 'host',
    message: `Cannot build as an ordinary user: ${found}`,
    hint,
  });
}
