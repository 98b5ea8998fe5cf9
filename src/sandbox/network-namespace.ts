import { closeSync, openSync, writeFileSync } from 'node:fs';
import { MS, umount } from '../host/mount.ts';
import { createNetworkNamespace } from '../host/network-namespace.ts';
import { launcherArchitecture, startGuarded, throwIfFailed } from './launcher/start.ts';
import { LaunchProgram } from './launcher/program.ts';
import { bringLoopbackUp } from './loopback-calls.ts';

const CLONE_NEWNET = 0x40000000;

/**
 * Makes a network namespace with a loopback that is up, and binds it to the new file `path`. A small
 * process does it: this one could not leave the namespace again in a user namespace, which has no rights
 * over the network it came from. Needs a private mount namespace.
 *
 * @throws BuildError SANDBOX_START, SystemError EPERM
 */
export async function makeNetworkNamespace(path: string): Promise<Disposable> {
  const architecture = launcherArchitecture(process.arch);
  if (architecture === undefined) return createNetworkNamespace(path);
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
    [Symbol.dispose]: () => {
      umount(path, { lazily: true });
    },
  };
}
