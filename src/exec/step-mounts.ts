import { chmodSync, chownSync, closeSync, rmdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DisposeStack } from '../core/dispose-stack.ts';
import { mount, MS, umount } from '../host/mount.ts';
import { enterPrivateMountNamespace } from '../host/mount-namespace.ts';
import { hasCode } from '../host/sys.ts';
import type { ExecOp, Mount, OpId, OpMetadata } from '../ops/op.ts';
import { DATA_ONLY, type SandboxMount } from '../sandbox/sandbox.ts';
import { makeStepDir } from '../sandbox/step-dir.ts';
import { openCacheMount } from './cache-mounts.ts';
import { openDirectoryInside } from './open-inside.ts';
import { writeNetworkFiles } from './network-files.ts';
import { missingSecret, missingSshAgent, mountSourceNotFound } from './errors.ts';
import type { SshAgents } from './ssh-agents.ts';

/** The same in every build, since steps can see it. The one that Dockerfiles know from BuildKit. */
export const STEP_HOSTNAME = 'buildkitsandbox';

/** What mounts of a step are made from. */
export interface StepMountDeps {
  /** Host directory of the cache mounts. */
  readonly cacheMountDir: string;
  /** Host directory for files that must not stay; in memory where there is one. */
  readonly runtimeDir: string;
  /** Host directory for the files that steps see as /etc/hosts and /etc/resolv.conf. */
  readonly networkFileDir: string;
  /** Of the step's own network; undefined for those of the host. */
  readonly nameServer?: string | undefined;
  /** The secret of this id, or undefined when it was not given. */
  secret(id: string): Uint8Array | undefined;
  /** The agents that were given to this build. Loaded when the first step asks. */
  sshAgents(): Promise<SshAgents>;
  /** What tells an input's files from others: the same text, the same files. */
  inputIdentity(input: OpId): string;
  /** Copies `source` of an input into the host directory `into`, which is there. */
  copyInput(input: OpId, source: string, into: string, signal: AbortSignal): Promise<void>;
  /** Mounts the files of an input; what is written to it is thrown away. Others may see one that is read only. */
  openInput(
    input: OpId,
    path: string,
    access: { readonly isReadonly: boolean },
    signal: AbortSignal,
  ): Promise<AsyncDisposable & { readonly hostPath: string | undefined }>;
}

/** One mount and what its target has to be. */
export interface StepMount {
  readonly mount: SandboxMount;
  readonly targetType: 'file' | 'directory';
}

/** Everything a step's mounts hold, until it is disposed. */
export interface StepMounts extends AsyncDisposable {
  readonly list: readonly StepMount[];
  /** Variables that secrets asked for, and where the first SSH agent is. */
  readonly env: readonly string[];
}

/**
 * Opens the mounts of a RUN in the order of the Dockerfile, after /etc/hosts and /etc/resolv.conf.
 * @throws BuildError SECRET_MISSING, SSH_AGENT_MISSING, SSH_AGENT_UNUSABLE, SSH_KEY_UNUSABLE,
 * MOUNT_SOURCE_NOT_FOUND
 */
export async function openStepMounts(
  op: ExecOp,
  metadata: OpMetadata,
  deps: StepMountDeps,
  signal: AbortSignal,
): Promise<StepMounts> {
  const files = writeNetworkFiles(deps.networkFileDir, {
    hostname: STEP_HOSTNAME,
    extraHosts: op.extraHosts ?? [],
    nameServer: deps.nameServer,
  });
  const list: StepMount[] = [
    readonlyFile(files.hosts, '/etc/hosts'),
    readonlyFile(files.resolvConf, '/etc/resolv.conf'),
  ];
  const env: string[] = sshVariable(op);
  await using opened = new DisposeStack();
  for (const mount of op.mounts) {
    const target = 'target' in mount ? (mount.target ?? '') : '';
    const made = await openOne(mount, target, opened);
    if (made !== undefined) list.push(made);
  }
  const kept = opened.move();
  return { list, env, [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose]() };

  async function openOne(
    mount: Mount,
    target: string,
    stack: DisposeStack,
  ): Promise<StepMount | undefined> {
    switch (mount.type) {
      case 'bind':
        return openBind(mount, metadata, deps, stack, signal);
      case 'cache':
        return openCache(mount, metadata, deps, stack, signal);
      case 'tmpfs':
        return {
          mount: { type: 'tmpfs', target, sizeBytes: mount.sizeBytes, mode: 0o1777 },
          targetType: 'directory',
        };
      case 'secret':
        return openSecret(mount, metadata, deps, stack, env);
      case 'ssh':
        return openSsh(mount, metadata, deps, stack, signal);
      default:
        return mount satisfies never;
    }
  }
}

function readonlyFile(source: string, target: string, without = DATA_ONLY): StepMount {
  const mount = { type: 'bind', source, target, isReadonly: true, without } as const;
  return { mount, targetType: 'file' };
}

async function openBind(
  mount: Extract<Mount, { type: 'bind' }>,
  metadata: OpMetadata,
  deps: StepMountDeps,
  stack: DisposeStack,
  signal: AbortSignal,
): Promise<StepMount> {
  if (mount.from === undefined) throw mountSourceNotFound(mount.source, metadata.span);
  const input = stack.use(await deps.openInput(mount.from, mount.source, mount, signal));
  if (input.hostPath === undefined) throw mountSourceNotFound(mount.source, metadata.span);
  const { hostPath: source } = input;
  return {
    mount: { type: 'bind', source, target: mount.target, isReadonly: mount.isReadonly },
    targetType: statSync(source).isDirectory() ? 'directory' : 'file',
  };
}

async function openCache(
  mount: Extract<Mount, { type: 'cache' }>,
  metadata: OpMetadata,
  deps: StepMountDeps,
  stack: DisposeStack,
  signal: AbortSignal,
): Promise<StepMount> {
  const { from } = mount;
  const seed =
    from === undefined
      ? undefined
      : {
          identity: deps.inputIdentity(from),
          copy: (dir: string) => deps.copyInput(from, mount.source, dir, signal),
        };
  const cache = stack.use(await openCacheMount(deps.cacheMountDir, mount, seed, signal));
  const source = openSubdirectory(cache.dir, mount.source, deps, metadata, stack);
  return {
    mount: { type: 'bind', source, target: mount.target, isReadonly: mount.isReadonly },
    targetType: 'directory',
  };
}

/**
 * `source=` of a cache mount: a directory inside it, whatever links the cache holds. Steps that share the
 * cache may change it at any time, so what is mounted is the very directory that was found, and no name.
 */
function openSubdirectory(
  dir: string,
  source: string,
  { runtimeDir }: StepMountDeps,
  metadata: OpMetadata,
  stack: DisposeStack,
): string {
  if (/^\/*$/.test(source)) return dir;
  enterPrivateMountNamespace();
  const fd = openDirectoryInside(dir, source);
  if (fd === undefined) throw mountSourceNotFound(source, metadata.span);
  try {
    const own = makeStepDir(runtimeDir);
    const place = own.path;
    // Never what is below: if it is mounted still, those are the files of the cache.
    stack.defer(() => {
      try {
        rmdirSync(place);
      } finally {
        own.release();
      }
    });
    mountDirectory(fd, place, source, metadata);
    // Before the place is removed, and what it shows with it.
    stack.defer(() => {
      umount(place, { lazily: true });
    });
    return place;
  } finally {
    closeSync(fd);
  }
}

/** @throws BuildError MOUNT_SOURCE_NOT_FOUND when another step has removed the directory meanwhile */
function mountDirectory(fd: number, place: string, source: string, metadata: OpMetadata): void {
  try {
    mount({ source: `/proc/self/fd/${String(fd)}`, target: place, flags: MS.BIND });
  } catch (error) {
    if (hasCode(error, 'ENOENT')) throw mountSourceNotFound(source, metadata.span);
    throw error;
  }
}

function openSecret(
  mount: Extract<Mount, { type: 'secret' }>,
  metadata: OpMetadata,
  deps: StepMountDeps,
  stack: DisposeStack,
  env: string[],
): StepMount | undefined {
  const bytes = deps.secret(mount.id);
  if (bytes === undefined) {
    if (mount.isRequired) throw missingSecret(mount.id, metadata.span);
    return undefined;
  }
  if (mount.env !== undefined) env.push(`${mount.env}=${Buffer.from(bytes).toString('utf8')}`);
  if (mount.target === undefined) return undefined;
  const dir = makeStepDir(deps.runtimeDir);
  stack.defer(() => {
    dir[Symbol.dispose]();
  });
  const path = join(dir.path, 'secret');
  writeFileSync(path, bytes, { mode: 0o600, flag: 'wx' });
  chownSync(path, mount.uid, mount.gid);
  chmodSync(path, mount.mode);
  // As in BuildKit: a secret whose mode says that it is a program can be started.
  const isProgram = (mount.mode & 0o111) !== 0;
  return readonlyFile(path, mount.target, isProgram ? ['suid'] : DATA_ONLY);
}

/** SSH_AUTH_SOCK for the first agent, also for one that was not given, as BuildKit sets it. */
function sshVariable(op: ExecOp): string[] {
  const first = op.mounts.find((mount) => mount.type === 'ssh');
  const isSet = op.env.some((entry) => entry.startsWith('SSH_AUTH_SOCK='));
  return first === undefined || isSet ? [] : [`SSH_AUTH_SOCK=${first.target}`];
}

async function openSsh(
  mount: Extract<Mount, { type: 'ssh' }>,
  metadata: OpMetadata,
  deps: StepMountDeps,
  stack: DisposeStack,
  signal: AbortSignal,
): Promise<StepMount | undefined> {
  const agents = await deps.sshAgents();
  const agent = await agents.socketOf(mount.id, signal);
  if (agent === undefined) {
    if (mount.isRequired) throw missingSshAgent(mount.id, metadata.span);
    return undefined;
  }
  const dir = makeStepDir(deps.runtimeDir);
  stack.defer(() => {
    dir[Symbol.dispose]();
  });
  const path = join(dir.path, 'agent');
  const { uid, gid, mode } = mount;
  const { openSshRelay } = await import('./ssh-relay.ts');
  stack.use(await openSshRelay({ path, agent, uid, gid, mode }));
  return {
    mount: { type: 'bind', source: path, target: mount.target, isReadonly: true },
    targetType: 'file',
  };
}
