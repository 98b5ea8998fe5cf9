import { runProcess } from '../host/child-process.ts';
import { MS } from '../host/mount.ts';
import { runHostHelper } from './host-helper.ts';
import type { MadeNetworkNamespace } from './network-namespace.ts';
import type { NetworkGap, OutgoingNetwork } from './outgoing-network.ts';
import { lastLine } from './slirp-network.ts';
import { waitUntilReady } from './wait-until-ready.ts';

/** pasta answers there for the host's name servers, also for those on its loopback. Nobody has the address. */
const NAME_SERVER = '169.254.1.1';
const MAX_SHOWN_CHARS = 400;

/**
 * A way out through pasta (package passt). The step has this host's own addresses then. Nothing leads to
 * the host's loopback: neither ports, which pasta would forward by default, nor the gateway's address.
 *
 * pasta has no descriptor to tell that it is ready: it writes its process id to a file when it is, and that
 * file is its standard output. It does not watch whether this process lives, so the guard of steps does.
 */
export async function connectPasta(
  program: string,
  { path, userNamespace }: MadeNetworkNamespace,
  signal: AbortSignal,
): Promise<OutgoingNetwork> {
  if (!(await isRecent(program, signal))) return { gap: TOO_OLD };
  const stop = new AbortController();
  let said = '';
  let setReady: (() => void) | undefined;
  const ready = new Promise<'ready'>((resolve) => {
    setReady = () => {
      resolve('ready');
    };
  });
  const ended = runHostHelper(
    {
      program,
      args: [...ARGUMENTS, '--netns', path],
      userNamespace,
      // A file of /proc is opened, and the guard's process ids are its own.
      prepare: (calls) => {
        const flags = MS.NOSUID | MS.NODEV | MS.NOEXEC;
        calls.call('mount', ['none', '/', 0, MS.REC | MS.PRIVATE, 0], 'making mounts private');
        calls.call('mount', ['proc', '/proc', 'proc', flags, 0], 'mounting /proc');
      },
    },
    (stream, bytes) => {
      if (stream === 'stdout') setReady?.();
      else said = (said + Buffer.from(bytes).toString('latin1')).slice(-MAX_SHOWN_CHARS);
    },
    stop.signal,
  ).then(
    () => 'ended' as const,
    (error: unknown) => {
      said = error instanceof Error ? error.message : String(error);
      return 'ended' as const;
    },
  );
  const state = await waitUntilReady(ready, ended, stop, signal);
  if (state === 'ended') {
    const why = stop.signal.aborted ? 'it does not get ready' : lastLine(withoutNoise(said));
    return { gap: { reason: `pasta does not start here: ${why}`, remedy: undefined } };
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

/** Debian 12 has one that now and then repeats what a connection carries when its other side has closed it. */
const TOO_OLD: NetworkGap = {
  reason: 'pasta is older than 2024, or does not tell, and may repeat data',
  remedy: 'Install the package "slirp4netns", for example: apt-get install slirp4netns',
};
const FIRST_TRUSTED_DATE = 20_240_101;

/** Its versions are dates: `pasta 2024_09_06.6b38f07`, `pasta 0.0~git20250503.587980c`. */
async function isRecent(program: string, signal: AbortSignal): Promise<boolean> {
  const { stdout } = await runProcess({ program, args: ['--version'] }, signal);
  const [, year = '', month = '', day = ''] =
    /(20\d\d)_?(\d\d)_?(\d\d)/.exec(stdout.toString('latin1').split('\n')[0] ?? '') ?? [];
  return Number(year + month + day) >= FIRST_TRUSTED_DATE;
}

const ARGUMENTS: readonly string[] = [
  '--foreground',
  '--quiet',
  '--config-net',
  '--no-map-gw',
  ...['--tcp-ports', 'none', '--udp-ports', 'none', '--tcp-ns', 'none', '--udp-ns', 'none'],
  ...['--dns-forward', NAME_SERVER],
  ...['--pid', '/proc/self/fd/1'],
  '--netns-only',
];

/** Complaints about the system's log, where there is none. */
function withoutNoise(said: string): string {
  return said
    .split('\n')
    .filter((line) => !/syslog/.test(line))
    .join('\n');
}
