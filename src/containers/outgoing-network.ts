import { findProgram, spawnProcess } from '../host/child-process.ts';

/** What joins a container's own network namespace to the outside. */
export interface OutgoingNetwork {
  /** Name server to use inside; undefined when there is no way out. */
  readonly nameServer: string | undefined;
  /** One line for people when there is no way out. */
  readonly note: string | undefined;
}

/** The address at which slirp4netns answers for the host's name servers. */
const SLIRP_NAME_SERVER = '10.0.2.3';

/**
 * Lets a network namespace reach the outside through slirp4netns, which needs no rights of the host
 * and does not show the host's own loopback. It ends with this process, however that ends, as it
 * watches its standard input. Without the program the namespace stays alone.
 */
export async function connectOutgoing(
  namespacePath: string,
  searchPath: string,
  signal: AbortSignal,
): Promise<OutgoingNetwork> {
  const program = findProgram('slirp4netns', searchPath) ?? findProgram('slirp4netns');
  if (program === undefined) return alone('slirp4netns is not installed');
  const slirp = spawnProcess(
    {
      program,
      args: [
        '--configure',
        '--mtu=65520',
        '--disable-host-loopback',
        '--exit-fd=0',
        '--ready-fd=1',
        '--netns-type=path',
        namespacePath,
        'tap0',
      ],
      stdio: 'captured',
      holdsInputOpen: true,
    },
    signal,
  );
  slirp.stderr?.resume();
  const ready = new Promise<'ready'>((resolve) => {
    slirp.stdout?.once('data', () => {
      resolve('ready');
    });
  });
  // Later ends, by the signal above all, are of no interest.
  const ended = slirp.ended.then(
    () => 'ended' as const,
    () => 'ended' as const,
  );
  const state = await Promise.race([ready, ended]);
  signal.throwIfAborted();
  slirp.leave();
  if (state === 'ended') return alone('slirp4netns does not start here');
  return { nameServer: SLIRP_NAME_SERVER, note: undefined };
}

function alone(why: string): OutgoingNetwork {
  return {
    nameServer: undefined,
    note: `The container cannot reach the network (${why}); its published ports work`,
  };
}
