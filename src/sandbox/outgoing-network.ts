import { closeSync, constants, openSync } from 'node:fs';
import { findProgram, shownOutput, spawnProcess } from '../host/child-process.ts';
import { hasCode } from '../host/sys.ts';

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

/** The address at which slirp4netns answers for the host's name servers, also for those on its loopback. */
const SLIRP_NAME_SERVER = '10.0.2.3';
/** It is ready in 10 to 20 ms. A program that says nothing for this long never will. */
const READY_TIMEOUT_MS = 5_000;
const MAX_SHOWN_CHARS = 200;
const TUN = '/dev/net/tun';

/**
 * Lets the network namespace at `namespacePath` reach the outside through slirp4netns, which needs no rights of the host
 * and does not show the host's own loopback. It ends with this process, however that ends, as it
 * watches its standard input. Without the program, or the device that it needs, the namespace stays alone.
 */
export async function connectOutgoing(
  namespacePath: string,
  searchPath: string,
  signal: AbortSignal,
): Promise<OutgoingNetwork> {
  signal.throwIfAborted();
  const program = findProgram('slirp4netns', searchPath) ?? findProgram('slirp4netns');
  if (program === undefined) return { gap: NOT_INSTALLED };
  const tunGap = findTunGap();
  if (tunGap !== undefined) return { gap: tunGap };
  const confined = await start(program, CONFINED, namespacePath, signal);
  if (confined.gap === undefined) return confined;
  // Inside of other containers it may not confine itself.
  return start(program, [], namespacePath, signal);
}

const CONFINED: readonly string[] = ['--enable-sandbox', '--enable-seccomp'];

const NOT_INSTALLED: NetworkGap = {
  reason: 'slirp4netns is not installed',
  remedy: 'Install the package "slirp4netns", for example: apt-get install slirp4netns',
};

/** Opening it tells at once what slirp4netns would find. */
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

async function start(
  program: string,
  confinement: readonly string[],
  namespacePath: string,
  signal: AbortSignal,
): Promise<OutgoingNetwork> {
  const stop = new AbortController();
  const slirp = spawnProcess(
    {
      program,
      args: [
        '--configure',
        '--mtu=65520',
        '--disable-host-loopback',
        '--exit-fd=0',
        '--ready-fd=1',
        ...confinement,
        '--netns-type=path',
        namespacePath,
        'tap0',
      ],
      stdio: 'captured',
      holdsInputOpen: true,
    },
    stop.signal,
  );
  let said = '';
  slirp.stderr?.on('data', (chunk: Buffer) => {
    said = (said + chunk.toString('latin1')).slice(-MAX_SHOWN_CHARS);
  });
  const ready = new Promise<'ready'>((resolve) => {
    slirp.stdout?.once('data', () => {
      resolve('ready');
    });
  });
  // Later ends, our own doing above all, are of no interest.
  const ended = slirp.ended.then(
    () => 'ended' as const,
    () => 'ended' as const,
  );
  const abort = (): void => {
    stop.abort();
  };
  const timer = setTimeout(abort, READY_TIMEOUT_MS);
  signal.addEventListener('abort', abort, { once: true });
  const state = await Promise.race([ready, ended]);
  clearTimeout(timer);
  signal.removeEventListener('abort', abort);
  signal.throwIfAborted();
  if (state === 'ended') {
    const why = stop.signal.aborted ? 'it does not get ready' : lastLine(said);
    return { gap: { reason: `slirp4netns does not start here: ${why}`, remedy: undefined } };
  }
  return {
    gap: undefined,
    nameServer: SLIRP_NAME_SERVER,
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await ended;
    },
  };
}

function lastLine(said: string): string {
  const lines = shownOutput(said).split('\n');
  return lines.at(-1)?.trim() || 'it says nothing';
}
