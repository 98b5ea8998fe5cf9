import { findProgram, spawnProcess } from '../host/child-process.ts';

/** What joins a network namespace to the outside, until it is disposed of. */
export interface OutgoingNetwork extends AsyncDisposable {
  /** Name server to use inside; undefined when there is no way out. */
  readonly nameServer: string | undefined;
  /** One line for people when there is no way out. */
  readonly note: string | undefined;
}

/** The address at which slirp4netns answers for the host's name servers. */
const SLIRP_NAME_SERVER = '10.0.2.3';

/**
 * Lets the network namespace at `namespacePath` reach the outside through slirp4netns, which needs no rights of the host
 * and does not show the host's own loopback. It ends with this process, however that ends, as it
 * watches its standard input. Without the program the namespace stays alone.
 */
export async function connectOutgoing(
  namespacePath: string,
  searchPath: string,
  signal: AbortSignal,
): Promise<OutgoingNetwork> {
  signal.throwIfAborted();
  const program = findProgram('slirp4netns', searchPath) ?? findProgram('slirp4netns');
  if (program === undefined) return alone('slirp4netns is not installed');
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
        '--netns-type=path',
        namespacePath,
        'tap0',
      ],
      stdio: 'captured',
      holdsInputOpen: true,
    },
    stop.signal,
  );
  slirp.stderr?.resume();
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
  const close = async (): Promise<void> => {
    stop.abort();
    await ended;
  };
  const abort = (): void => {
    stop.abort();
  };
  signal.addEventListener('abort', abort, { once: true });
  const state = await Promise.race([ready, ended]);
  signal.removeEventListener('abort', abort);
  signal.throwIfAborted();
  if (state === 'ended') return alone('slirp4netns does not start here');
  return { nameServer: SLIRP_NAME_SERVER, note: undefined, [Symbol.asyncDispose]: close };
}

function alone(why: string): OutgoingNetwork {
  return {
    nameServer: undefined,
    note: `No way out of the own network: ${why}`,
    [Symbol.asyncDispose]: () => Promise.resolve(),
  };
}
