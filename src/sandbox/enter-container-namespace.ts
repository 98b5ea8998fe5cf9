import { openSync } from 'node:fs';
import { USER_NAMESPACE_VARIABLE } from '../host/current-user-namespace.ts';
import { execProgram } from '../host/exec-program.ts';
import { createMemoryFile } from '../host/native-process.ts';
import { hasCapability } from '../host/own-capabilities.ts';
import { makeUserNamespace } from './launcher/make-user-namespace.ts';
import { LaunchProgram } from './launcher/program.ts';
import { launcherArchitecture } from './launcher/start.ts';

const CLONE_NEWUSER = 0x10000000;

/**
 * For root that may not mount, as root of a container is: starts this program anew as root of a user
 * namespace, with the ids that it has now, in place of this process. Needs no program of the host.
 *
 * `argv` is the program and its arguments; `env` is what it gets, plus `USER_NAMESPACE_VARIABLE`.
 * Returns why that cannot be done here; else it does not return.
 */
export function enterContainerNamespace(
  argv: readonly [string, ...string[]],
  env: Readonly<Record<string, string | undefined>>,
): string {
  const architecture = launcherArchitecture(process.arch);
  if (architecture === undefined) return `there is no launcher for ${process.arch}`;
  const hasIds = hasCapability('setuid') && hasCapability('setgid');
  const ids = hasIds ? 'all' : 'root';
  let namespace: number;
  try {
    namespace = makeUserNamespace({
      architecture,
      ids,
      besides: 0,
      prepare: () => undefined,
      keep: (pid) => openSync(`/proc/${String(pid)}/ns/user`, 'r'),
      fail: (reason) => new NamespaceDenied(reason),
    });
  } catch (error) {
    if (error instanceof NamespaceDenied) return error.message;
    throw error;
  }
  const program = new LaunchProgram(architecture);
  program.call('setns', [namespace, CLONE_NEWUSER], 'entering the user namespace');
  program.call('close', [namespace], 'entering the user namespace');
  program.call('setresgid', [0, 0, 0], 'becoming root of it');
  program.call('setresuid', [0, 0, 0], 'becoming root of it');
  const inside: Readonly<Record<string, string | undefined>> = {
    ...env,
    [USER_NAMESPACE_VARIABLE]: hasIds ? 'subordinate' : 'single',
  };
  const variables = Object.entries(inside).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${value}`],
  );
  program.call('execve', [argv[0], argv, variables], 'starting anew');
  const file = createMemoryFile('stagecraft', program.build());
  return execProgram(`/proc/self/fd/${String(file)}`, ['stagecraft'], {}, [namespace]);
}

class NamespaceDenied extends Error {}
