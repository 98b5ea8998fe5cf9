import { randomBytes } from 'node:crypto';
import { statSync } from 'node:fs';
import type { Platform } from '../core/platform.ts';
import { BuildError } from '../diagnostics/build-error.ts';
import type { HostDevice } from '../devices/host-devices.ts';
import type { Emit } from '../events/event.ts';
import type { ExecOp, OpId, OpMetadata } from '../ops/op.ts';
import { completeEnv } from '../sandbox/default-env.ts';
import { prepareRoot, type TargetRequest } from '../sandbox/mount-targets.ts';
import { STEP_FLOOR } from '../sandbox/step-floor.ts';
import type {
  ProcessExit,
  ResourceLimit,
  Sandbox,
  SandboxIo,
  SandboxMount,
  SandboxSpec,
} from '../sandbox/sandbox.ts';
import type { StepLimits } from '../sandbox/step-limits.ts';
import {
  HOST_NETWORK,
  NO_NETWORK,
  type StepNetwork,
  type StepNetworks,
} from '../sandbox/step-network.ts';
import { resolveUser } from '../sandbox/user.ts';
import type { ActiveSnapshot, SnapshotId, Snapshotter } from '../snapshot/snapshotter.ts';
import { measureUpper } from '../snapshot/measure-upper.ts';
import { findRepeatedFiles } from '../snapshot/repeated-files.ts';
import { createSecretMask } from './secret-mask.ts';
import { openSingleIdHelp } from './single-id.ts';
import { openStepTrust, type StepTrustDeps } from './step-trust.ts';
import {
  openStepMounts,
  STEP_HOSTNAME,
  type StepMount,
  type StepMountDeps,
} from './step-mounts.ts';
import { stepFailed, stepTimedOut } from './errors.ts';
import type { FailedStep } from './failed-step.ts';
import { createOutputTail, type OutputTail } from './output-tail.ts';
import { startTimeout } from './step-timeout.ts';
import { deviceParts, type DeviceParts } from './step-devices.ts';
import type { RanOp } from './op-runner.ts';

/** What running a step needs of the build. */
export interface ExecOpDeps extends StepMountDeps, StepTrustDeps {
  readonly snapshots: Snapshotter;
  /** For steps of a platform; opened when the first of them runs, as it probes the host. */
  sandbox(platform: Platform): Promise<Sandbox>;
  /** The devices that a name in `RUN --device` stands for here. */
  devices(name: string): readonly HostDevice[];
  /** Opened when the first step asks for a network. */
  networks(): Promise<StepNetworks>;
  readonly emit: Emit;
  /** Bytes of /dev/shm. */
  readonly shmBytes: number;
  readonly limits: StepLimits;
  readonly ulimits: readonly ResourceLimit[];
  /** How long a step may run, in milliseconds. */
  readonly stepTimeoutMs: number | undefined;
  /** Called with a step that failed, before what it had is taken away. The step fails when it is done. */
  readonly onStepFailed: ((step: FailedStep) => Promise<void>) | undefined;
  /** Milliseconds since the build began. */
  elapsed(): number;
}

/** Bytes of layers below that a step may copy without a word. */
const REPEATS_TOLD_BYTES = 10_000_000;

/** How long a step may take to end after it was asked to. */
const STOP_TIMEOUT_MS = 1_000;

/**
 * RUN: mounts the root's chain with a fresh upper directory, runs the command in the sandbox and
 * freezes what it left. The step gets the environment, user and mounts that the Dockerfile names and
 * nothing else. A step that fails leaves no snapshot.
 * @throws BuildError STEP_FAILED, STEP_TIMEOUT, SANDBOX_START, PLATFORM_NOT_RUNNABLE
 */
export async function runExecOp(
  op: ExecOp,
  id: OpId,
  metadata: OpMetadata,
  root: SnapshotId | undefined,
  deps: ExecOpDeps,
  signal: AbortSignal,
): Promise<RanOp> {
  // Both may have to be opened first, and do not wait for one another.
  const opening = deps.sandbox(op.platform);
  opening.catch(() => undefined);
  using network = await takeNetwork(op, deps, signal);
  const sandbox = await opening;
  await using active = await deps.snapshots.prepare(root, signal);
  const user = resolveUser(op.user, active.parentTree);
  const devices = devicesOf(op, metadata, deps);
  const trust = await openStepTrust(op, active.parentTree, user.home, deps);
  const help = openSingleIdHelp(op, active.parentTree, deps.networkFileDir);
  const extraEnv = [trust, help].flatMap((extra) => extra?.env ?? []);
  {
    const mountDeps = { ...deps, nameServer: network.nameServer };
    await using mounts = await openStepMounts(op, metadata, mountDeps, signal);
    await using view = await active.mount(signal, { cover: trust?.fill, floor: STEP_FLOOR });
    const list = outermostFirst([...mounts.list, ...devices.mounts]);
    const workdir = { path: op.cwd, uid: user.uid, gid: user.gid };
    const prepared = prepareRoot(view.root, workdir, list.map(mountPoint));
    const spec: SandboxSpec = {
      id: stepId(),
      rootfs: view.root,
      args: op.args,
      env: completeEnv({
        env: [...extraEnv, ...op.proxyEnv, ...op.env, ...devices.env, ...mounts.env],
        home: user.home,
        isTerminal: false,
      }),
      cwd: prepared.workdir,
      user: { ...user, groups: [...user.groups, ...devices.groups] },
      hostname: STEP_HOSTNAME,
      mounts: [
        ...list.map(({ mount }, i) => withTarget(mount, prepared.targets[i], view.root)),
        ...[trust, help].flatMap((extra) => extra?.mount ?? []),
      ],
      network: network.network,
      shmBytes: deps.shmBytes,
      limits: deps.limits,
      rlimits: deps.ulimits,
      isInsecure: op.security === 'insecure',
      stopTimeoutMs: STOP_TIMEOUT_MS,
    };
    const tail = createOutputTail();
    try {
      await runStep(op, id, metadata, spec, tail, sandbox, deps, signal);
    } catch (error) {
      const output = tail.text();
      if (error instanceof BuildError) {
        const { workdir } = prepared;
        await deps.onStepFailed?.({
          ...{ op: id, error, output, workdir, files: active.tree },
          run: (args, more, io, runSignal) =>
            sandbox.run(replacement(spec, args, more, io), io, runSignal),
        });
      }
      throw error;
    } finally {
      prepared.restore();
    }
  }
  trust?.strip(active.upper);
  const info = measureUpper(active.upper);
  if (info.bytes >= REPEATS_TOLD_BYTES) tellRepeats(id, active, deps);
  const { id: snapshot } = await active.commit(info);
  return { snapshot, bytes: info.bytes };
}

function tellRepeats(op: OpId, active: ActiveSnapshot, { emit }: ExecOpDeps): void {
  const { files, bytes } = findRepeatedFiles(active.upper, active.parentTree);
  if (bytes >= REPEATS_TOLD_BYTES) emit({ type: 'op-repeats', op, files, bytes });
}

/** As BuildKit mounts them: what lies inside of another mount comes later, in whatever order they were named. */
function outermostFirst(mounts: readonly StepMount[]): readonly StepMount[] {
  const depth = ({ mount }: StepMount): number =>
    mount.target.split('/').filter((name) => name !== '' && name !== '.').length;
  return mounts.toSorted((a, b) => depth(a) - depth(b));
}

function devicesOf(op: ExecOp, metadata: OpMetadata, deps: ExecOpDeps): DeviceParts {
  const wanted = (op.devices ?? []).flatMap(({ name }) => deps.devices(name));
  return deviceParts([...new Set(wanted)], metadata.span);
}

function mountPoint({ mount, targetType }: StepMount): TargetRequest {
  const mode = mount.type === 'tmpfs' ? { mode: mount.mode } : {};
  // A tmpfs takes the mode of the directory it is mounted on.
  return { path: mount.target, type: targetType, ...mode };
}

/** @throws BuildError STEP_FAILED, STEP_TIMEOUT, SANDBOX_START */
async function runStep(
  op: ExecOp,
  id: OpId,
  metadata: OpMetadata,
  spec: SandboxSpec,
  tail: OutputTail,
  sandbox: Sandbox,
  deps: ExecOpDeps,
  signal: AbortSignal,
): Promise<void> {
  const mask = createSecretMask(secretsOf(op, deps));
  const show = (stream: 'stdout' | 'stderr', bytes: Uint8Array): void => {
    if (bytes.length === 0) return;
    tail.add(bytes);
    deps.emit({ type: 'op-output', op: id, stream, bytes, at: deps.elapsed() });
  };
  const io: SandboxIo = {
    kind: 'captured',
    onOutput(stream, bytes) {
      show(stream, mask === undefined ? bytes : mask.push(stream, bytes));
    },
  };
  using timeout = startTimeout(deps.stepTimeoutMs, signal);
  let exit: ProcessExit;
  try {
    exit = await sandbox.run(spec, io, timeout.signal);
  } catch (error) {
    if (!timeout.isOver) throw error;
    throw stepTimedOut(commandText(op), deps.stepTimeoutMs ?? 0, metadata.span);
  } finally {
    for (const stream of ['stdout', 'stderr'] as const) {
      if (mask !== undefined) show(stream, mask.finish(stream));
    }
  }
  if (!isSuccess(exit)) {
    const limits = { memoryBytes: deps.limits.memoryBytes, rootfs: spec.rootfs };
    throw stepFailed(commandText(op), exit, tail.text(), limits, metadata.name, metadata.span);
  }
}

/** The values of the secrets that a step has. */
function secretsOf(op: ExecOp, deps: StepMountDeps): Uint8Array[] {
  return op.mounts.flatMap((mount) =>
    mount.type === 'secret' ? (deps.secret(mount.id) ?? []) : [],
  );
}

function stepId(): string {
  return `stagecraft-${randomBytes(8).toString('hex')}`;
}

/** What a shell in the place of a failed step runs as. */
function replacement(
  spec: SandboxSpec,
  args: readonly string[],
  mounts: readonly SandboxMount[],
  io: SandboxIo,
): SandboxSpec {
  const env = completeEnv({
    env: spec.env,
    home: spec.user.home,
    isTerminal: io.kind === 'terminal',
  });
  return { ...spec, id: stepId(), args, env, mounts: [...spec.mounts, ...mounts] };
}

function isSuccess(exit: ProcessExit): boolean {
  return exit.kind === 'exited' && exit.status === 0;
}

/** A tmpfs has the mode of the directory it covers, as runc gives it. */
function withTarget(mount: SandboxMount, target: string | undefined, root: string): SandboxMount {
  if (target === undefined) return mount;
  if (mount.type !== 'tmpfs') return { ...mount, target };
  const covered = statSync(root + target, { throwIfNoEntry: false });
  return { ...mount, target, mode: covered === undefined ? mount.mode : covered.mode & 0o7777 };
}

async function takeNetwork(
  op: ExecOp,
  deps: ExecOpDeps,
  signal: AbortSignal,
): Promise<StepNetwork> {
  switch (op.network) {
    case 'default':
      return (await deps.networks()).take(signal);
    case 'host':
      return HOST_NETWORK;
    case 'none':
      return NO_NETWORK;
    default:
      return op.network satisfies never;
  }
}

/** What the user wrote: without the shell in front of it, and of a script the first line. */
function commandText(op: ExecOp): string {
  const [shell, flag, command] = op.args;
  const isShell = op.args.length === 3 && flag === '-c' && (shell ?? '').endsWith('sh');
  const text = isShell && command !== undefined ? command : op.args.join(' ');
  const [first = '', ...others] = text.trim().split('\n');
  return others.length === 0 ? first : `${first} …`;
}
