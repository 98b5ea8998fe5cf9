import { constants } from 'node:os';
import type { StepLimits } from './step-limits.ts';

/**
 * Runs one process in its own mount, pid, ipc and uts namespaces on a root file system that is already
 * mounted. Nothing of the host's environment, files or descriptors reaches it apart from what the
 * spec names. Every implementation passes `sandboxContract` (sandbox.contract.ts).
 */
export interface Sandbox {
  /** `runc`, `crun` or `namespaces`. */
  readonly name: string;
  /** One line for people: what isolation is in force, e.g. `runc 1.1.5, seccomp, 14 capabilities`. */
  readonly description: string;
  /** Why steps here cannot be held to `limits`, for people; undefined when they can. */
  limitsProblem(limits: StepLimits): string | undefined;
  /**
   * Resolves when the process and everything it started are gone. On abort: SIGTERM to the whole
   * step, SIGKILL after `spec.stopTimeoutMs`, then rejects with the signal's reason.
   * @throws BuildError SANDBOX_START when the process could not be started at all.
   */
  run(spec: SandboxSpec, io: SandboxIo, signal: AbortSignal): Promise<ProcessExit>;
}

export interface SandboxSpec {
  /** Unique on this host; letters, digits and dashes. */
  readonly id: string;
  /** Host path of the merged, writable root file system. */
  readonly rootfs: string;
  readonly args: readonly string[];
  /** The whole environment, `NAME=value`. Nothing is inherited. */
  readonly env: readonly string[];
  /** Absolute, already resolved inside the rootfs and created. */
  readonly cwd: string;
  readonly user: ResolvedUser;
  readonly hostname: string;
  /** In mount order. Targets are resolved inside the rootfs and exist there. */
  readonly mounts: readonly SandboxMount[];
  readonly network: SandboxNetwork;
  /** Bytes of the tmpfs on /dev/shm. */
  readonly shmBytes: number;
  /** Limits of what the step uses of the host. Where `limitsProblem` names one they are not in force. */
  readonly limits?: StepLimits | undefined;
  /** Resource limits as in setrlimit(2). Others stay as this process has them, but no core files are written. */
  readonly rlimits?: readonly ResourceLimit[] | undefined;
  /** `RUN --security=insecure`: every capability and system call, no hidden or read-only kernel files. */
  readonly isInsecure?: boolean | undefined;
  /** How long the step may take to react to SIGTERM before it gets SIGKILL. */
  readonly stopTimeoutMs: number;
}

/** Resources by the names of prlimit(1), with their numbers of asm-generic/resource.h. */
export const RESOURCE_LIMITS = {
  cpu: 0,
  fsize: 1,
  data: 2,
  stack: 3,
  core: 4,
  rss: 5,
  nproc: 6,
  nofile: 7,
  memlock: 8,
  as: 9,
  locks: 10,
  sigpending: 11,
  msgqueue: 12,
  nice: 13,
  rtprio: 14,
  rttime: 15,
} as const;

/** A resource of setrlimit(2). */
export type ResourceLimitName = keyof typeof RESOURCE_LIMITS;

/** `--ulimit nofile=1024:4096`. */
export interface ResourceLimit {
  readonly name: ResourceLimitName;
  /** -1 is no limit. */
  readonly soft: number;
  readonly hard: number;
}

export type SandboxNetwork =
  | { readonly kind: 'host' }
  /** A new network namespace with loopback only. */
  | { readonly kind: 'none' }
  /** An existing network namespace, by path. */
  | { readonly kind: 'namespace'; readonly path: string };

export type SandboxMount =
  | {
      readonly type: 'bind';
      /** Host path of a file or directory. */
      readonly source: string;
      readonly target: string;
      readonly isReadonly: boolean;
      /** What is switched off in it, beside device nodes; as in mount(8). */
      readonly without?: readonly MountFeature[] | undefined;
      /** `source` is a device node that the step may open; some of the letters `rwm`. */
      readonly devicePermissions?: string | undefined;
    }
  | {
      readonly type: 'tmpfs';
      readonly target: string;
      readonly sizeBytes: number | undefined;
      readonly mode: number;
    };

/** Programs can be started, and can change the user of who starts them. */
export type MountFeature = 'exec' | 'suid';

/** For files that are there to be read. */
export const DATA_ONLY: readonly MountFeature[] = ['exec', 'suid'];

export interface ResolvedUser {
  readonly uid: number;
  readonly gid: number;
  /** Supplementary groups, the primary one included. */
  readonly groups: readonly number[];
  /** For HOME when the environment has none. */
  readonly home: string;
}

export type SandboxIo =
  /** A build step: stdin is empty, both streams are told apart and arrive in order per stream. */
  | {
      readonly kind: 'captured';
      onOutput(stream: 'stdout' | 'stderr', bytes: Uint8Array): void;
    }
  /** `stagecraft run`: this process's own stdin, stdout and stderr. */
  | { readonly kind: 'inherit'; readonly isStdinOpen: boolean }
  /** `stagecraft run -t`: a pseudo terminal made inside the sandbox, joined to this process's terminal. */
  | { readonly kind: 'terminal' };

/** How a process ended: a status, or the signal that killed it. */
export type ProcessExit =
  | {
      readonly kind: 'exited';
      readonly status: number;
      /** A shell reports a child that was killed as 137. */
      readonly isOutOfMemory?: boolean | undefined;
    }
  | { readonly kind: 'signaled'; readonly signal: string; readonly isOutOfMemory: boolean };

/** The number a shell shows for it: the status, or 128 and the signal's number. */
export function exitStatusOf(exit: ProcessExit): number {
  if (exit.kind === 'exited') return exit.status;
  const numbers: Readonly<Record<string, number>> = constants.signals;
  return 128 + (numbers[exit.signal] ?? 0);
}
