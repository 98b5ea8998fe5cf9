import { execFile, execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync, openSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { promisify } from 'node:util';

const run = promisify(execFile);
const START_LIMIT_MS = 30_000;
const MAX_OUTPUT_BYTES = 64 * 1024 * 1024;

/** A Docker daemon of our own, with everything it keeps below one directory. */
export interface DockerDaemon extends AsyncDisposable {
  /** Where it listens, as DOCKER_HOST has it. */
  readonly socket: string;
  /** Runs the client. Does not throw when it fails. */
  docker(
    args: readonly string[],
    env?: Readonly<Record<string, string>>,
    /** File for standard input. */
    input?: string,
  ): Promise<DockerResult>;
}

/** What a run of the client gave. */
export interface DockerResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Says why there can be no daemon here; undefined when there can. */
export function whyNoDocker(client: string): string | undefined {
  if (process.getuid?.() !== 0) return 'only root can start dockerd';
  if (!existsSync(client)) return `there is no ${client}`;
  try {
    execFileSync('dockerd', ['--version'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'dockerd is not installed';
  }
}

/**
 * Starts dockerd below `dir`, in a mount namespace of its own: no other process keeps copies of its mounts, and
 * they go with it. It ends with this process, however that ends. @throws Error with the end of its log when it does not come up
 */
export async function startDocker(dir: string, client: string): Promise<DockerDaemon> {
  for (const name of ['data', 'exec', 'home']) mkdirSync(join(dir, name), { recursive: true });
  const socket = `unix://${join(dir, 'docker.sock')}`;
  const log = join(dir, 'dockerd.log');
  const inNamespace = ['unshare', '--mount', '--propagation', 'private', '--', 'dockerd'];
  const words = ['--pdeathsig', 'TERM', '--', ...inNamespace, ...daemonFlags(dir, socket)];
  const child = spawn('setpriv', words, {
    stdio: ['ignore', openSync(log, 'w'), openSync(log, 'a')],
  });
  const docker: DockerDaemon['docker'] = async (args, extraEnv, input) => {
    const env = {
      ...{ PATH: process.env['PATH'], HOME: join(dir, 'home'), DOCKER_HOST: socket },
      ...{ DOCKER_BUILDKIT: '1', ...extraEnv },
    };
    try {
      const running = run(client, args, { env, maxBuffer: MAX_OUTPUT_BYTES });
      running.child.stdin?.end(input === undefined ? undefined : readFileSync(input));
      return { status: 0, ...(await running) };
    } catch (error) {
      return failedResult(error);
    }
  };
  const stop = (): Promise<void> => stopChild(child);
  if (await comesUp(child, docker)) return { socket, docker, [Symbol.asyncDispose]: stop };
  await stop();
  throw new Error(`dockerd did not start: ${readFileSync(log, 'utf8').slice(-2000)}`);
}

function daemonFlags(dir: string, socket: string): string[] {
  return [
    ...['--data-root', join(dir, 'data'), '--exec-root', join(dir, 'exec'), '-H', socket],
    ...['--pidfile', join(dir, 'docker.pid'), '--storage-driver', 'overlay2'],
    ...['--iptables=false', '--ip6tables=false', '--bridge=none'],
  ];
}

function failedResult(error: unknown): DockerResult {
  const { code, stdout, stderr } = error as { code?: unknown; stdout?: string; stderr?: string };
  return {
    status: typeof code === 'number' ? code : 1,
    stdout: stdout ?? '',
    stderr: stderr ?? String(error),
  };
}

async function comesUp(child: ChildProcess, docker: DockerDaemon['docker']): Promise<boolean> {
  const until = Date.now() + START_LIMIT_MS;
  while (Date.now() < until && child.exitCode === null) {
    if ((await docker(['version'])).status === 0) return true;
    await wait(100);
  }
  return false;
}

async function stopChild(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = new Promise((resolve) => child.once('exit', resolve));
  child.kill('SIGTERM');
  await ended;
}
