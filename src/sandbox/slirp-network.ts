import { shownOutput, spawnProcess } from '../host/child-process.ts';
import type { OutgoingNetwork } from './outgoing-network.ts';
import { waitUntilReady } from './wait-until-ready.ts';

/** The address at which slirp4netns answers for the host's name servers, also for those on its loopback. */
const NAME_SERVER = '10.0.2.3';
const MAX_SHOWN_CHARS = 200;
const CONFINED: readonly string[] = ['--enable-sandbox', '--enable-seccomp'];

/**
 * A way out through slirp4netns, which needs no rights of the host and does not show the host's own
 * loopback. It ends with this process, however that ends, as it watches its standard input.
 */
export async function connectSlirp(
  program: string,
  namespacePath: string,
  signal: AbortSignal,
): Promise<OutgoingNetwork> {
  const confined = await start(program, CONFINED, namespacePath, signal);
  if (confined.gap === undefined) return confined;
  // Inside of other containers it may not confine itself.
  return start(program, [], namespacePath, signal);
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
  const state = await waitUntilReady(ready, ended, stop, signal);
  if (state === 'ended') {
    const why = stop.signal.aborted ? 'it does not get ready' : lastLine(said);
    return { gap: { reason: `slirp4netns does not start here: ${why}`, remedy: undefined } };
  }
  return {
    gap: undefined,
    nameServer: NAME_SERVER,
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await ended;
    },
  };
}

/** The last line of what a program said, fit for a message. */
export function lastLine(said: string): string {
  const lines = shownOutput(said).split('\n');
  return lines.at(-1)?.trim() || 'it says nothing';
}
