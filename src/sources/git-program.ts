import { BuildError } from '../diagnostics/build-error.ts';
import { findProgram, runProcess, shownOutput, CLEAN_ENV } from '../host/child-process.ts';
import { filterThrough } from '../host/filter-program.ts';
import { networkTimeouts } from '../http/network-timeout.ts';
import { gitFailed, gitMissing, gitTreeRefused } from './errors.ts';
import type { GitRemote } from './git-remote.ts';

/**
 * The program git of this host, closed against what a hostile repository could make it do. It sees no
 * settings of user or system, asks nobody anything, runs no hook, filter, credential helper or pager,
 * and speaks only the protocol of the remote at hand. Names from outside never stand where an option
 * could.
 */
export interface GitProgram {
  /** Standard output of a command that ends well. `remote` opens the network. @throws BuildError GIT_FETCH_FAILED */
  run(args: readonly string[], at: GitPlace, signal: AbortSignal): Promise<string>;
  /** As `run`, and undefined when the command ends badly. */
  tryRun(args: readonly string[], at: GitPlace, signal: AbortSignal): Promise<string | undefined>;
  /** Standard output as it comes. @throws BuildError GIT_FETCH_FAILED, GIT_TREE_REFUSED */
  stream(args: readonly string[], at: GitPlace, signal: AbortSignal): AsyncGenerator<Uint8Array>;
}

/** What a command works on. */
export interface GitPlace {
  /** The repository (GIT_DIR); undefined for commands that need none. */
  readonly gitDir?: string | undefined;
  /** Where the command may connect to; nowhere without. */
  readonly remote?: GitRemote | undefined;
  /** A bare repository of ours that may be fetched from. */
  readonly fetchesFromOwn?: boolean | undefined;
  /** For messages. */
  readonly url: string;
}

/** What git takes from the user who builds. */
export interface GitSettings {
  /** For PATH, proxies, SSH_AUTH_SOCK and STAGECRAFT_NETWORK_TIMEOUT. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** For ~/.ssh. */
  readonly homeDir: string;
  /** PEM file with every authority to trust; undefined: those that git trusts by itself. */
  readonly caFile: string | undefined;
  /** Socket of the agent that the build was given; undefined: that of SSH_AUTH_SOCK. */
  sshSocket(signal: AbortSignal): Promise<string | undefined>;
}

/** Bytes that list the refs of a repository; the largest ones have some hundred thousand. */
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

const CONFIG = [
  'core.hooksPath=/dev/null',
  'core.askPass=',
  'core.fsmonitor=false',
  'core.attributesFile=/dev/null',
  'core.excludesFile=/dev/null',
  'credential.helper=',
  'protocol.version=2',
  'fetch.recurseSubmodules=false',
  'submodule.recurse=false',
  'gc.auto=0',
  'maintenance.auto=false',
  'advice.detachedHead=false',
  'tar.umask=0022',
  'transfer.bundleURI=false',
].flatMap((setting) => ['-c', setting]);

/** A server that packs a large repository may take this long before it has much to say. */
const MIN_SILENCE_MS = 60_000;

/** A peer that sends less than so many bytes a second, for so many seconds, is given up. @throws BuildError */
function speedConfig(env: GitSettings['env']): string[] {
  const ms = Math.max(networkTimeouts(env).silenceMs, MIN_SILENCE_MS);
  const seconds = Math.ceil(ms / 1000);
  return ['-c', 'http.lowSpeedLimit=1000', '-c', `http.lowSpeedTime=${seconds}`];
}

/** Finds git. @throws BuildError GIT_MISSING, NETWORK_TIMEOUT_INVALID */
export function openGit(settings: GitSettings, url: string): GitProgram {
  const program = findProgram('git', settings.env['PATH'] ?? CLEAN_ENV['PATH']);
  if (program === undefined) throw gitMissing(url);
  const before = [...CONFIG, ...speedConfig(settings.env), '--literal-pathspecs'];
  const outcome = async (
    args: readonly string[],
    at: GitPlace,
    signal: AbortSignal,
  ): Promise<{ readonly status: number | undefined; stdout: Buffer; stderr: Buffer }> =>
    runProcess(
      {
        program,
        args: [...before, ...args],
        env: await environment(settings, at, signal),
        cwd: '/',
        maxOutputBytes: MAX_OUTPUT_BYTES,
      },
      signal,
    );
  return {
    async run(args, at, signal) {
      const { status, stdout, stderr } = await outcome(args, at, signal);
      if (status === 0) return stdout.toString('utf8');
      throw gitFailed(at.url, complaint(stderr, status), hintFor(stderr, at));
    },
    async tryRun(args, at, signal) {
      const { status, stdout } = await outcome(args, at, signal);
      return status === 0 ? stdout.toString('utf8') : undefined;
    },
    async *stream(args, at, signal) {
      const env = await environment(settings, at, signal);
      try {
        yield* filterThrough([program, ...before, ...args], nothing(), signal, env);
      } catch (error) {
        throw streamFault(error, at.url);
      }
    },
  };
}

/** git refuses paths that would be a repository inside the repository. */
function streamFault(error: unknown, url: string): unknown {
  if (!(error instanceof BuildError) || error.code !== 'FILTER_FAILED') return error;
  const path = /invalid path '(.*)'/.exec(error.message)?.[1];
  if (path !== undefined) return gitTreeRefused(url, `it holds a file named "${path}"`);
  return gitFailed(url, error.message.replace(/^.*?ended with status \S+: /, ''));
}

// eslint-disable-next-line @typescript-eslint/require-await -- An empty stream.
async function* nothing(): AsyncGenerator<Uint8Array, void> {
  yield* [];
}

const PROXY_NAMES = ['http_proxy', 'https_proxy', 'all_proxy', 'no_proxy'] as const;

async function environment(
  settings: GitSettings,
  at: GitPlace,
  signal: AbortSignal,
): Promise<Record<string, string>> {
  const { remote } = at;
  const allowed = remote?.protocol ?? (at.fetchesFromOwn === true ? 'file' : '');
  const env: Record<string, string> = {
    ...CLEAN_ENV,
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_ALLOW_PROTOCOL: allowed === '' ? 'none' : allowed,
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_OPTIONAL_LOCKS: '0',
    ...(at.gitDir === undefined ? {} : { GIT_DIR: at.gitDir }),
  };
  if (remote === undefined) return env;
  for (const name of PROXY_NAMES) {
    const value = settings.env[name] ?? settings.env[name.toUpperCase()];
    if (value !== undefined && value !== '') env[name] = value;
  }
  if (settings.caFile !== undefined) env['GIT_SSL_CAINFO'] = settings.caFile;
  if (remote.protocol === 'ssh') {
    const agent = (await settings.sshSocket(signal)) ?? settings.env['SSH_AUTH_SOCK'];
    Object.assign(env, sshEnvironment(settings, agent));
  }
  // Not as an argument: every user of this machine can read those.
  if (remote.authorization !== undefined) {
    env['GIT_CONFIG_COUNT'] = '2';
    env['GIT_CONFIG_KEY_0'] = `http.${remote.origin}/.extraHeader`;
    env['GIT_CONFIG_VALUE_0'] = `Authorization: ${remote.authorization}`;
    // git would tell the header to wherever it is sent on to; see settleRemote.
    env['GIT_CONFIG_KEY_1'] = 'http.followRedirects';
    env['GIT_CONFIG_VALUE_1'] = 'false';
  }
  return env;
}

/** Only hosts that the user knows already, with the user's agent or keys, and no settings of theirs. */
function sshEnvironment(
  { homeDir }: GitSettings,
  agent: string | undefined,
): Record<string, string> {
  const options = [
    'BatchMode=yes',
    'StrictHostKeyChecking=yes',
    `UserKnownHostsFile=${homeDir}/.ssh/known_hosts`,
    'PermitLocalCommand=no',
    'ForwardAgent=no',
    'ForwardX11=no',
    'ConnectTimeout=30',
    ...['ed25519', 'ecdsa', 'rsa'].map((type) => `IdentityFile=${homeDir}/.ssh/id_${type}`),
  ];
  const words = ['ssh', '-F', '/dev/null', ...options.flatMap((option) => ['-o', option])];
  return {
    // git hands this to a shell.
    GIT_SSH_COMMAND: words.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' '),
    GIT_SSH_VARIANT: 'ssh',
    ...(agent === undefined ? {} : { SSH_AUTH_SOCK: agent }),
  };
}

function complaint(stderr: Buffer, status: number | undefined): string {
  const lines = shownOutput(stderr)
    .split('\n')
    .map((line) => line.replace(/^(?:fatal|error|remote): /, '').trim())
    .filter((line) => line !== '' && !line.startsWith('hint:') && !line.startsWith('warning:'));
  return lines.length === 0
    ? `git ended with status ${String(status)}`
    : lines.slice(-4).join('; ');
}

function hintFor(stderr: Buffer, { remote }: GitPlace): string | undefined {
  const text = stderr.toString('utf8');
  if (/could not read Username|Authentication failed|HTTP 40[13]|error: 40[13]/.test(text)) {
    return `Give credentials with --secret id=GIT_AUTH_TOKEN.${remote?.host ?? 'HOST'},env=NAME`;
  }
  if (/Host key verification failed/.test(text)) {
    return `Connect to ${remote?.host ?? 'the host'} with ssh once, to make its key known`;
  }
  if (/Permission denied \(publickey/.test(text))
    return 'Give a key with --ssh default=FILE, or start an SSH agent and add it there';
  if (/certificate|SSL/i.test(text)) {
    return 'Name a file with its certificate authority in STAGECRAFT_EXTRA_CA_CERTS';
  }
  return undefined;
}
