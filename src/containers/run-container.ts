import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { enterPrivateMountNamespace } from '../host/mount-namespace.ts';
import { openNetworkConnector } from '../host/network-connector.ts';
import { hasCode } from '../host/sys.ts';
import { completeEnv } from '../sandbox/default-env.ts';
import { prepareRoot, type PreparedRoot, type TargetRequest } from '../sandbox/mount-targets.ts';
import { STEP_FLOOR } from '../sandbox/step-floor.ts';
import {
  exitStatusOf,
  type Sandbox,
  type SandboxIo,
  type SandboxMount,
  type SandboxNetwork,
} from '../sandbox/sandbox.ts';
import { makeNetworkNamespace } from '../sandbox/network-namespace.ts';
import { resolveUser } from '../sandbox/user.ts';
import { measureUpper } from '../snapshot/measure-upper.ts';
import type { SnapshotId, Snapshotter } from '../snapshot/snapshotter.ts';
import { openDirTree } from '../tree/dir-tree.ts';
import type { ContainerPlan } from './container-options.ts';
import { LogWriter } from './container-log.ts';
import {
  containerDir,
  processStart,
  removeRecord,
  writeRecord,
  type ContainerRecord,
} from './container-record.ts';
import type { CreatedContainer } from './create-container.ts';
import { containerNotStarted } from './errors.ts';
import { openConnectedNamespace } from '../sandbox/connected-namespace.ts';
import { openPortProxy } from './port-proxy.ts';

/** What running a container needs of the world. */
export interface RunContainerDeps {
  readonly root: string;
  readonly snapshotter: Snapshotter;
  readonly sandbox: Sandbox;
  /** PATH of this process. */
  readonly searchPath: string;
  now(): Date;
  /** One line for people. */
  note(text: string): void;
  /** Called when the container's record says that it runs. */
  onRunning?(record: ContainerRecord): void;
}

/** How long a container may take to end after SIGTERM, as in Docker. */
const STOP_TIMEOUT_MS = 10_000;
const SHM_BYTES = 64 * 1024 * 1024;

/**
 * Runs a container to its end in this process and gives its exit status, 128 and more for a signal. Its
 * record tells the state at any time; with `--rm` it goes at the end, with what the container wrote to its
 * root file system. Else that is kept for `cp` and the next start. Volumes stay. Output that `io` captures
 * is in the container's log as well.
 *
 * On abort the container gets SIGTERM, then SIGKILL, and this rejects with the signal's reason.
 */
export async function runContainer(
  { record, plan }: CreatedContainer,
  io: SandboxIo,
  deps: RunContainerDeps,
  signal: AbortSignal,
): Promise<number> {
  let state: ContainerRecord['state'] | undefined;
  const left: LeftFiles = { files: record.files };
  try {
    const status = await runPlan(record, plan, left, io, deps, signal);
    state = { kind: 'exited', status, finishedAt: deps.now().toISOString() };
    return status;
  } catch (error) {
    const finishedAt = deps.now().toISOString();
    const message = error instanceof Error ? error.message : String(error);
    state = signal.aborted
      ? { kind: 'exited', status: STOPPED_STATUS, finishedAt }
      : { kind: 'failed', message, finishedAt };
    throw error;
  } finally {
    if (plan.isRemovedAtEnd) removeRecord(deps.root, record.id);
    else if (state !== undefined) writeRecord(deps.root, { ...record, ...left, state });
  }
}

/** What a container left behind. */
interface LeftFiles {
  files: string | undefined;
}

/** What a shell shows for SIGTERM. */
const STOPPED_STATUS = 143;

async function runPlan(
  record: ContainerRecord,
  plan: ContainerPlan,
  left: LeftFiles,
  io: SandboxIo,
  deps: RunContainerDeps,
  signal: AbortSignal,
): Promise<number> {
  enterPrivateMountNamespace();
  const dir = containerDir(deps.root, record.id);
  using log = io.kind === 'captured' ? new LogWriter(dir, () => deps.now()) : undefined;
  await using cleanup = new Cleanup();
  const network = await openNetwork({ record, plan, dir }, deps, cleanup, signal);
  const view = await openRoot(record, plan, left, deps, signal);
  const made: { prepared?: PreparedRoot } = {};
  cleanup.add(async () => {
    // Places of mounts are no files of the container.
    made.prepared?.restore();
    await view[Symbol.asyncDispose]();
  });
  const tree = openDirTree(view.root);
  const user = resolveUser(plan.user, tree);
  const { requests, mounts } = mountsOf(plan, dir, network.nameServer);
  const workdir = { path: plan.workdir, uid: user.uid, gid: user.gid };
  const prepared = prepareRoot(view.root, workdir, requests);
  made.prepared = prepared;
  const { targets } = prepared;
  const pidStart = processStart(process.pid) ?? '';
  const startedAt = deps.now().toISOString();
  const running: ContainerRecord = {
    ...record,
    ports: network.ports,
    state: { kind: 'running', pid: process.pid, pidStart, startedAt },
  };
  writeRecord(deps.root, running);
  deps.onRunning?.(running);
  const exit = await deps.sandbox.run(
    {
      id: `stagecraft-${record.id.slice(0, 24)}`,
      rootfs: view.root,
      args: plan.args,
      env: environmentOf(plan, user.home, io),
      cwd: prepared.workdir,
      user,
      hostname: plan.hostname,
      mounts: mounts.map((mount, i) => ({ ...mount, target: targets[i] ?? mount.target })),
      network: network.network,
      shmBytes: SHM_BYTES,
      stopTimeoutMs: STOP_TIMEOUT_MS,
    },
    log === undefined ? io : logged(io, log),
    signal,
  );
  return exitStatusOf(exit);
}

function logged(io: SandboxIo, log: LogWriter): SandboxIo {
  if (io.kind !== 'captured') return io;
  return {
    ...io,
    onOutput: (stream, bytes) => {
      log.write(stream, bytes);
      io.onOutput(stream, bytes);
    },
  };
}

/**
 * The root file system. Unless the container goes at its end, what it wrote becomes a snapshot when this is
 * disposed, and `left` tells which.
 */
async function openRoot(
  { files }: ContainerRecord,
  plan: ContainerPlan,
  left: LeftFiles,
  { snapshotter }: RunContainerDeps,
  signal: AbortSignal,
): Promise<AsyncDisposable & { readonly root: string }> {
  // Both are of our own record; the snapshotter checks that the id is there.
  const parent = (files ?? plan.snapshot) as SnapshotId | undefined;
  if (plan.isRemovedAtEnd && parent !== undefined) return snapshotter.view(parent, signal);
  const active = await snapshotter.prepare(parent, signal);
  const view = await active.mount(signal, { floor: STEP_FLOOR });
  return {
    root: view.root,
    [Symbol.asyncDispose]: async () => {
      await using _unused = active;
      if (plan.isRemovedAtEnd) return;
      await view[Symbol.asyncDispose]();
      left.files = (await active.commit(measureUpper(active.upper))).id;
    },
  };
}

/** What has to be closed, last opened first. (AsyncDisposableStack comes with Node 24.) */
class Cleanup implements AsyncDisposable {
  readonly #closers: (() => void | PromiseLike<void>)[] = [];

  add(close: () => void | PromiseLike<void>): void {
    this.#closers.push(close);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    let failure: unknown;
    for (const close of this.#closers.splice(0).reverse()) {
      try {
        await close();
      } catch (error) {
        failure ??= error;
      }
    }
    if (failure !== undefined) throw failure as Error;
  }
}

interface OpenedNetwork {
  readonly network: SandboxNetwork;
  readonly ports: ContainerRecord['ports'];
  /** Undefined: the host's own ones. */
  readonly nameServer: string | undefined;
}

async function openNetwork(
  { record, plan, dir }: CreatedContainer & { readonly dir: string },
  deps: RunContainerDeps,
  cleanup: Cleanup,
  signal: AbortSignal,
): Promise<OpenedNetwork> {
  if (plan.network !== 'own') {
    return { network: { kind: plan.network }, ports: [], nameServer: undefined };
  }
  let count = 0;
  const newPath = (): string => path.join(dir, `network-${String(count++)}`);
  const outgoing = await openConnectedNamespace(newPath, deps.searchPath, signal);
  if (outgoing.gap === undefined) cleanup.add(() => outgoing[Symbol.asyncDispose]());
  else deps.note(`No way out of the own network: ${outgoing.gap.reason}; published ports work`);
  const namespace =
    outgoing.gap === undefined ? outgoing.path : await closedNetwork(newPath(), cleanup);
  const connector = await openNetworkConnector(namespace);
  if (connector === undefined) {
    throw containerNotStarted('the system gives this process no thread for its ports');
  }
  cleanup.add(() => connector[Symbol.asyncDispose]());
  const proxy = await openPortProxy(record.ports, connector);
  cleanup.add(() => proxy[Symbol.asyncDispose]());
  return {
    network: { kind: 'namespace', path: namespace },
    ports: proxy.ports,
    nameServer: outgoing.gap === undefined ? outgoing.nameServer : undefined,
  };
}

async function closedNetwork(path: string, cleanup: Cleanup): Promise<string> {
  const namespace = await makeNetworkNamespace(path);
  cleanup.add(() => {
    namespace[Symbol.dispose]();
  });
  return path;
}

function mountsOf(
  plan: ContainerPlan,
  dir: string,
  nameServer: string | undefined,
): { readonly requests: readonly TargetRequest[]; readonly mounts: readonly SandboxMount[] } {
  const hosts = path.join(dir, 'hosts');
  const resolvConf = path.join(dir, 'resolv.conf');
  const local = ['127.0.0.1\tlocalhost', '::1\tlocalhost ip6-localhost ip6-loopback'];
  writeFileSync(hosts, [...local, `127.0.0.1\t${plan.hostname}`, ''].join('\n'), { mode: 0o644 });
  const servers = nameServer === undefined ? hostResolvConf() : `nameserver ${nameServer}\n`;
  writeFileSync(resolvConf, servers, { mode: 0o644 });
  const files = [
    { source: hosts, target: '/etc/hosts', isReadonly: false, type: 'file' as const },
    { source: resolvConf, target: '/etc/resolv.conf', isReadonly: false, type: 'file' as const },
  ];
  const all = [...files, ...plan.volumes];
  return {
    requests: all.map(({ target, type }) => ({ path: target, type })),
    mounts: all.map(({ source, target, isReadonly }) => ({
      type: 'bind',
      source,
      target,
      isReadonly,
    })),
  };
}

function hostResolvConf(): string {
  try {
    return readFileSync('/etc/resolv.conf', 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return '';
    throw error;
  }
}

function environmentOf(plan: ContainerPlan, home: string, io: SandboxIo): readonly string[] {
  const isTerminal = io.kind === 'terminal';
  const env = completeEnv({ env: plan.env, home, isTerminal });
  // Docker sets it in containers, and not in build steps.
  return env.some((entry) => entry.startsWith('HOSTNAME='))
    ? env
    : [...env, `HOSTNAME=${plan.hostname}`];
}
