import { closeSync, constants, openSync } from 'node:fs';
import { findProgram } from '../host/child-process.ts';
import { hasCode } from '../host/sys.ts';
import type { MadeNetworkNamespace } from './network-namespace.ts';

/** What joins a network namespace to the outside, until it is disposed of. */
export type OutgoingNetwork = ConnectedNetwork | { readonly gap: NetworkGap };

/** A way out. */
export interface ConnectedNetwork extends AsyncDisposable {
  readonly gap: undefined;
  /** Name server to use inside. */
  readonly nameServer: string;
}

/** Why a network namespace has no way out. */
export interface NetworkGap {
  /** Ends a sentence: `slirp4netns is not installed`. */
  readonly reason: string;
  /** What would help, where that is known. */
  readonly remedy: string | undefined;
}

/** Programs that carry traffic for a network namespace. */
export type OutgoingProgram = 'slirp4netns' | 'pasta';

/** A program that is here, and could carry traffic. */
export interface WayOut {
  readonly name: OutgoingProgram;
  /** Absolute path. */
  readonly program: string;
}

/** In order of preference, which is the order of speed (docs/decisions/008). */
const PROGRAMS: readonly OutgoingProgram[] = ['slirp4netns', 'pasta'];
const TUN = '/dev/net/tun';

/** The ways out that can be tried on this host, best first, or why there is none. */
export function findWaysOut(searchPath: string): WayOut[] | NetworkGap {
  const found = PROGRAMS.flatMap((name): WayOut[] => {
    const program = findProgram(name, searchPath) ?? findProgram(name);
    return program === undefined ? [] : [{ name, program }];
  });
  if (found.length === 0) return NOT_INSTALLED;
  // Both need it, and pasta waits for ever where it may not open it.
  return findTunGap() ?? found;
}

/** Lets a network namespace reach the outside. The host's own loopback is not to be reached from there. */
export async function connectOutgoing(
  way: WayOut,
  namespace: MadeNetworkNamespace,
  signal: AbortSignal,
): Promise<OutgoingNetwork> {
  signal.throwIfAborted();
  switch (way.name) {
    case 'slirp4netns': {
      const { connectSlirp } = await import('./slirp-network.ts');
      return connectSlirp(way.program, namespace.path, signal);
    }
    case 'pasta': {
      const { connectPasta } = await import('./pasta-network.ts');
      return connectPasta(way.program, namespace, signal);
    }
    default:
      return way.name satisfies never;
  }
}

const NOT_INSTALLED: NetworkGap = {
  reason: 'neither slirp4netns nor pasta is installed',
  remedy: 'Install the package "slirp4netns" or "passt", for example: apt-get install slirp4netns',
};

/** Opening it tells at once what the programs would find. */
function findTunGap(): NetworkGap | undefined {
  try {
    closeSync(openSync(TUN, constants.O_RDWR));
    return undefined;
  } catch (error) {
    if (hasCode(error, 'EACCES', 'EPERM')) {
      return { reason: `${TUN} is not for this user`, remedy: `As root: chmod 0666 ${TUN}` };
    }
    if (hasCode(error, 'ENOENT', 'ENODEV', 'ENXIO', 'ENOTDIR')) {
      return { reason: `there is no ${TUN}`, remedy: 'As root: modprobe tun' };
    }
    throw error;
  }
}
