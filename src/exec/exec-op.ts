import { randomBytes } from 'node:crypto';
import { statSync } from 'node:fs';
import type { Emit } from '../events/event.ts';
import type { ExecOp, OpId, OpMetadata } from '../ops/op.ts';
import { completeEnv } from '../sandbox/default-env.ts';
import { prepareRoot } from '../sandbox/mount-targets.ts';
import type { ProcessExit, Sandbox, SandboxMount, SandboxNetwork } from '../sandbox/sandbox.ts';
import { resolveUser } from '../sandbox/user.ts';
import type { SnapshotId, Snapshotter } from '../snapshot/snapshotter.ts';
import { measureUpper } from '../snapshot/measure-upper.ts';
import { openStepTrust, type StepTrustDeps } from './step-trust.ts';
import { openStepMounts, STEP_HOSTNAME, type StepMountDeps } from './step-mounts.ts';
import { stepFailed } from './errors.ts';
import { createOutputTail } from './output-tail.ts';
import type { RanOp } from './op-runner.ts';

/** What running a step needs of the build. */
export interface ExecOpDeps extends StepMountDeps, StepTrustDeps {
  readonly snapshots: Snapshotter;
  /** Opened when the first step runs, as it probes the host. */
  sandbox(): Promise<Sandbox>;
  readonly emit: Emit;
  /** Bytes of /dev/shm. */
  readonly shmBytes: number;
  /** Milliseconds since the build began. */
  elapsed(): number;
}

/** How long a step may take to end after it was asked to. */
const STOP_TIMEOUT_MS = 1_000;

/**
 * RUN: mounts the root's chain with a fresh upper directory, runs the command in the sandbox and
 * freezes what it left. The step gets the environment, user and mounts that the Dockerfile names and
 * nothing else. A step that fails leaves no snapshot.
 * @throws BuildError STEP_FAILED
 */
export async function runExecOp(
  op: ExecOp,
  id: OpId,
  metadata: OpMetadata,
  root: SnapshotId | undefined,
  deps: ExecOpDeps,
  signal: AbortSignal,
): Promise<RanOp> {
  const sandbox = await deps.sandbox();
  await using active = await deps.snapshots.prepare(root, signal);
  const user = resolveUser(op.user, active.parentTree);
  const trust = await openStepTrust(op, active.parentTree, user.home, deps);
  {
    await using mounts = await openStepMounts(op, metadata, deps, signal);
    await using view = await active.mount(trust?.fill);
    const prepared = prepareRoot(
      view.root,
      { path: op.cwd, uid: user.uid, gid: user.gid },
      mounts.list.map(({ mount, targetType }) => ({
        path: mount.target,
        type: targetType,
        // A tmpfs takes the mode of the directory it is mounted on.
        ...(mount.type === 'tmpfs' ? { mode: mount.mode } : {}),
      })),
    );
    try {
      const tail = createOutputTail();
      const exit = await sandbox.run(
        {
          id: `stagecraft-${randomBytes(8).toString('hex')}`,
          rootfs: view.root,
          args: op.args,
          env: completeEnv({
            env: [...(trust?.env ?? []), ...op.proxyEnv, ...op.env, ...mounts.env],
            home: user.home,
            isTerminal: false,
          }),
          cwd: prepared.workdir,
          user,
          hostname: STEP_HOSTNAME,
          mounts: [
            ...mounts.list.map(({ mount }, i) => withTarget(mount, prepared.targets[i], view.root)),
            ...(trust === undefined ? [] : [trust.mount]),
          ],
          network: networkOf(op),
          shmBytes: deps.shmBytes,
          isInsecure: op.security === 'insecure',
          stopTimeoutMs: STOP_TIMEOUT_MS,
        },
        {
          kind: 'captured',
          onOutput(stream, bytes) {
            tail.add(bytes);
            deps.emit({ type: 'op-output', op: id, stream, bytes, at: deps.elapsed() });
          },
        },
        signal,
      );
      if (!isSuccess(exit)) throw stepFailed(commandText(op), exit, tail.text(), metadata.span);
    } finally {
      prepared.restore();
    }
  }
  trust?.strip(active.upper);
  const info = measureUpper(active.upper);
  const { id: snapshot } = await active.commit(info);
  return { snapshot, bytes: info.bytes };
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

function networkOf(op: ExecOp): SandboxNetwork {
  return op.network === 'none' ? { kind: 'none' } : { kind: 'host' };
}

/** What the user wrote: without the shell in front of it. */
function commandText(op: ExecOp): string {
  const [shell, flag, command] = op.args;
  const isShell = op.args.length === 3 && flag === '-c' && (shell ?? '').endsWith('sh');
  return isShell && command !== undefined ? command : op.args.join(' ');
}
