import type { LaunchProgram } from './launcher/program.ts';
import type { SandboxSpec } from './sandbox.ts';

/** Lets a process enter the network namespace that its spec names, if it names one. */
export function joinNetwork(program: LaunchProgram, { network }: SandboxSpec): void {
  if (network.kind !== 'namespace') return;
  program.expect('openat', [AT_FDCWD, network.path, 0], NETWORK_FD, 'opening the network');
  program.call('setns', [NETWORK_FD, CLONE_NEWNET], 'joining the network');
  program.call('close', [NETWORK_FD], 'closing the network');
}

const AT_FDCWD = -100;
const CLONE_NEWNET = 0x40000000;
/** The report descriptor is 3 and all others are closed, so this one is 4. */
const NETWORK_FD = 4;
