import { statSync } from 'node:fs';
import { join } from 'node:path';
import { DisposeStack } from '../core/dispose-stack.ts';
import { findProgram, runProcess, shownOutput } from '../host/child-process.ts';
import { runHostHelper } from '../sandbox/host-helper.ts';
import { makeStepDir } from '../sandbox/step-dir.ts';
import { sshAgentUnusable, sshKeyUnusable } from './errors.ts';
import { readSshKey } from './ssh-key.ts';

/**
 * One `--ssh`, by host paths: a socket is an agent to forward to; else all are private keys, which are put
 * into an agent that lives as long as the build.
 */
export type SshSource = readonly string[];

/** The agents of one build, until it is disposed. */
export interface SshAgents extends AsyncDisposable {
  /**
   * Host path of the agent's socket; undefined when none of this id was given.
   * @throws BuildError SSH_AGENT_UNUSABLE, SSH_KEY_UNUSABLE, or the signal's reason
   */
  socketOf(id: string, signal: AbortSignal): Promise<string | undefined>;
}

/** Agents for `sources`, by id, started when a step first asks. `runtimeDir` is for their sockets. */
export function createSshAgents(
  sources: ReadonlyMap<string, SshSource>,
  runtimeDir: string,
): SshAgents {
  const started = new DisposeStack();
  const sockets = new Map<string, Promise<string>>();
  return {
    async socketOf(id, signal) {
      const source = sources.get(id);
      if (source === undefined) return undefined;
      const known = sockets.get(id) ?? openAgent(id, source, runtimeDir, started, signal);
      sockets.set(id, known);
      return known;
    },
    [Symbol.asyncDispose]: () => started[Symbol.asyncDispose](),
  };
}

async function openAgent(
  id: string,
  source: SshSource,
  runtimeDir: string,
  started: DisposeStack,
  signal: AbortSignal,
): Promise<string> {
  const [first = ''] = source;
  const isSocket = statSync(first, { throwIfNoEntry: false })?.isSocket() === true;
  if (isSocket && source.length === 1) return first;
  if (isSocket) throw sshAgentUnusable(id, 'it names a socket and other files', undefined);
  const keys = source.map((path) => ({ path, bytes: readSshKey(path) }));
  const agent = started.use(await startAgent(id, runtimeDir, signal));
  for (const { path, bytes } of keys) await addKey(id, path, bytes, agent.socket, signal);
  return agent.socket;
}

const INSTALL_HINT = 'Install openssh-client, or forward a running agent with --ssh default';

/** ssh-agent in the foreground. It says where it listens once it does. */
async function startAgent(
  id: string,
  runtimeDir: string,
  signal: AbortSignal,
): Promise<AsyncDisposable & { readonly socket: string }> {
  const program = findProgram('ssh-agent');
  if (program === undefined) {
    throw sshAgentUnusable(id, 'the program "ssh-agent" is not installed', INSTALL_HINT);
  }
  const dir = makeStepDir(runtimeDir);
  const socket = join(dir.path, 'agent');
  const stop = new AbortController();
  let output = '';
  let isReady: (() => void) | undefined;
  const ready = new Promise<void>((resolve) => (isReady = resolve));
  const helper = { program, args: ['-D', '-a', socket] };
  const ended = runHostHelper(
    helper,
    (_stream, bytes) => {
      output = (output + shownOutput(bytes)).slice(-MAX_SHOWN_CHARS);
      if (output.includes('SSH_AUTH_SOCK=')) isReady?.();
    },
    AbortSignal.any([stop.signal, signal]),
  );
  const close = async (): Promise<void> => {
    stop.abort();
    await ended.catch(() => undefined);
    dir[Symbol.dispose]();
  };
  const isOver = await Promise.race([ready.then(() => false), ended.then(() => true)]);
  if (isOver) {
    await close();
    signal.throwIfAborted();
    throw sshAgentUnusable(id, `"ssh-agent" ended: ${output}`, undefined);
  }
  return { socket, [Symbol.asyncDispose]: close };
}

const MAX_SHOWN_CHARS = 300;

/** By standard input: no copy of the key on a disk, and none in a command line. */
async function addKey(
  id: string,
  path: string,
  bytes: Buffer,
  socket: string,
  signal: AbortSignal,
): Promise<void> {
  const program = findProgram('ssh-add');
  if (program === undefined) {
    throw sshAgentUnusable(id, 'the program "ssh-add" is not installed', INSTALL_HINT);
  }
  const env = { LC_ALL: 'C', HOME: '/nonexistent', SSH_AUTH_SOCK: socket };
  const request = { program, args: ['-q', '-'], env, input: bytes };
  const { status, stderr } = await runProcess(request, signal);
  if (status !== 0) {
    throw sshKeyUnusable(path, shownOutput(stderr).slice(0, MAX_SHOWN_CHARS) || 'ssh-add failed');
  }
}
