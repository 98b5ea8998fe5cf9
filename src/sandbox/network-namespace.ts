import { closeSync, openSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import { mount, MS, umount } from '../host/mount.ts';
import { createMemoryFile, createPipe, reapProcess, spawnNative } from '../host/native-process.ts';
import { createNetworkNamespace } from '../host/network-namespace.ts';
import { cannotStart } from './errors.ts';
import { launcherArchitecture, startGuarded, throwIfFailed } from './launcher/start.ts';
import type { LauncherArchitecture } from './launcher/machine-code.ts';
import { LaunchProgram } from './launcher/program.ts';
import { bringLoopbackUp } from './loopback-calls.ts';

const CLONE_NEWNET = 0x40000000;
const CLONE_NEWUSER = 0x10000000;

/** A network namespace with a loopback that is up, until it is disposed of. */
export interface MadeNetworkNamespace {
  /** A file that stands for it. */
  readonly path: string;
  /** Path of the user namespace that owns it, where that is not the one of this process. */
  readonly userNamespace: string | undefined;
}

/**
 * Makes a network namespace with a loopback that is up, and binds it to the new file `path`. A small
 * process does it: this one could not leave the namespace again in a user namespace, which has no rights
 * over the network it came from. Needs a private mount namespace.
 *
 * @throws BuildError SANDBOX_START, SystemError EPERM
 */
export async function makeNetworkNamespace(
  path: string,
): Promise<MadeNetworkNamespace & Disposable> {
  const architecture = launcherArchitecture(process.arch);
  if (architecture === undefined) {
    const made = createNetworkNamespace(path);
    return { path, userNamespace: undefined, [Symbol.dispose]: () => made[Symbol.dispose]() };
  }
  writeFileSync(path, '', { flag: 'wx', mode: 0o600 });
  const program = new LaunchProgram(architecture);
  program.tryCall('close_range', [4, 0xffffffff, 0], 'closing inherited files');
  program.call('unshare', [CLONE_NEWNET], 'making a network namespace');
  bringLoopbackUp(program);
  const bind = ['/proc/self/ns/net', path, 0, MS.BIND, 0];
  program.call('mount', bind, 'keeping the network namespace');
  program.call('exit_group', [0], 'ending');
  const nothing = openSync('/dev/null', 'r+');
  try {
    throwIfFailed(await startGuarded(program, [nothing, nothing, nothing]).ended);
  } finally {
    closeSync(nothing);
  }
  return {
    path,
    userNamespace: undefined,
    [Symbol.dispose]: () => {
      umount(path, { lazily: true });
    },
  };
}

/** True for the superuser of the host, which programs that carry traffic refuse to be. */
export function isHostRoot(): boolean {
  const [, , count] = readFileSync('/proc/self/uid_map', 'latin1').trim().split(/\s+/);
  return process.getuid?.() === 0 && count === '4294967295';
}

/**
 * The same below a user namespace of its own, in which only root has an id: what enters that one has rights
 * over the network and none over the host.
 *
 * @throws BuildError SANDBOX_START
 */
export function makeOwnedNetworkNamespace(path: string): MadeNetworkNamespace & Disposable {
  const architecture = launcherArchitecture(process.arch);
  if (architecture === undefined) throw cannotStart(`no launcher for ${process.arch}`);
  writeFileSync(path, '', { flag: 'wx', mode: 0o600 });
  const file = createMemoryFile('stagecraft-network', ownerProgram(architecture).build());
  const [end, ready] = [createPipe(), createPipe()];
  const nowhere = openSync('/dev/null', 'w');
  const theirs = [end.readFd, ready.writeFd, nowhere, nowhere];
  let pid: number | undefined;
  try {
    pid = spawnNative({ program: `/proc/self/fd/${String(file)}`, descriptors: theirs });
    closeSync(ready.writeFd);
    if (readSync(ready.readFd, Buffer.alloc(1)) !== 1) {
      throw cannotStart('a user namespace for the network could not be made');
    }
    const userNamespace = openSync(`/proc/${String(pid)}/ns/user`, 'r');
    mount({ source: `/proc/${String(pid)}/ns/net`, target: path, flags: MS.BIND });
    return {
      path,
      userNamespace: `/proc/${String(process.pid)}/fd/${String(userNamespace)}`,
      [Symbol.dispose]: () => {
        umount(path, { lazily: true });
        closeSync(userNamespace);
      },
    };
  } finally {
    // Its input ends, and so does it.
    for (const fd of [end.readFd, end.writeFd, ready.readFd, nowhere, file]) closeSync(fd);
    if (pid !== undefined) reapProcess(pid);
  }
}

/** Reports on descriptor 1 that all is made, and stays until descriptor 0 ends. */
function ownerProgram(architecture: LauncherArchitecture): LaunchProgram {
  const [AT_FDCWD, O_WRONLY, FIRST_FREE_FD] = [-100, 1, 4];
  const program = new LaunchProgram(architecture);
  program.tryCall('close_range', [FIRST_FREE_FD, 0xffffffff, 0], 'closing inherited files');
  program.call('unshare', [CLONE_NEWUSER | CLONE_NEWNET], 'making a network namespace');
  for (const [name, text] of [
    ['setgroups', 'deny'],
    ['uid_map', '0 0 1'],
    ['gid_map', '0 0 1'],
  ] as const) {
    const about = `writing ${name}`;
    const target = `/proc/self/${name}`;
    program.expect('openat', [AT_FDCWD, target, O_WRONLY], FIRST_FREE_FD, about);
    program.expect('write', [FIRST_FREE_FD, text, text.length], text.length, about);
    program.call('close', [FIRST_FREE_FD], about);
  }
  bringLoopbackUp(program);
  program.expect('write', [1, 'r', 1], 1, 'telling that it is ready');
  program.tryCall('splice', [0, 0, 2, 0, 1, 0], 'waiting for the end');
  program.call('exit_group', [0], 'ending');
  return program;
}
