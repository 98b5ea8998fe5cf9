import { readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { CLEAN_ENV, shownOutput } from '../host/child-process.ts';
import { MS } from '../host/mount.ts';
import { createMemoryFile } from '../host/native-process.ts';
import { hasCode } from '../host/sys.ts';
import type { BuildError } from '../diagnostics/build-error.ts';
import { CGROUP_ROOT, cgroupName, removeCgroups } from './cgroups.ts';
import { DEFAULT_CAPABILITIES } from './capabilities.ts';
import {
  argumentsTooLong,
  cannotStart,
  idNotMapped,
  programNotExecutable,
  programNotFound,
  wrongProgramFormat,
} from './errors.ts';
import { enterCgroup } from './enter-cgroup.ts';
import { UNIFIED, type HostFacts } from './host-facts.ts';
import { joinNetwork } from './join-network.ts';
import { beginGuarded, throwIfFailed } from './launcher/start.ts';
import type { LauncherArchitecture } from './launcher/machine-code.ts';
import type { LaunchProgram } from './launcher/program.ts';
import { makeHostReadonly } from './readonly-host.ts';
import { watchMemory } from './out-of-memory.ts';
import { runGuarded } from './run-guarded.ts';
import { runtimeSpec, runtimeSpecText } from './runtime-spec.ts';
import type { ProcessExit, Sandbox, SandboxIo, SandboxSpec } from './sandbox.ts';
import { compileSeccomp, FILTER_ABIS } from './seccomp-filter.ts';
import { ociSeccomp, resolveSeccomp, type OciSeccomp } from './seccomp.ts';
import { cgroupProblem, tryOpenStepCgroup, type StepCgroup } from './step-cgroup.ts';
import { makeStepDir } from './step-dir.ts';
import type { StepLimits } from './step-limits.ts';
import { openStepIo } from './step-io.ts';

/** An OCI runtime of this host, and how it has to be called here. */
export interface OciRuntime {
  readonly name: 'runc' | 'crun';
  /** Absolute path. */
  readonly program: string;
  readonly version: string;
  /** False where cgroups cannot be made; limits and the device filter are missing then. */
  readonly usesCgroups: boolean;
  /**
   * True where the runtime takes our compiled filter. libseccomp needs 17 ms to compile the policy for
   * a processor and its 32-bit predecessor, at every start.
   */
  readonly takesFilter: boolean;
}

/**
 * Steps in an OCI runtime. The runtime itself runs below a guard in a pid namespace of its own
 * (`beginGuarded`), so that it and the step end with this process, even one that is killed.
 */
export class OciSandbox implements Sandbox {
  readonly name: string;
  readonly description: string;
  readonly #runtime: OciRuntime;
  readonly #host: HostFacts;
  readonly #launcher: LauncherArchitecture;
  readonly #seccomp: OciSeccomp;
  readonly #annotations: Readonly<Record<string, string>>;

  constructor(runtime: OciRuntime, host: HostFacts, launcher: LauncherArchitecture) {
    this.#runtime = runtime;
    this.#host = host;
    this.#launcher = launcher;
    const policy = resolveSeccomp(host.architecture, DEFAULT_CAPABILITIES);
    if (runtime.takesFilter) {
      const filter = compileSeccomp(policy, FILTER_ABIS[launcher]);
      // A runtime that did not know the annotation would allow nothing at all, and fail its probe.
      this.#seccomp = { ...ociSeccomp(policy), syscalls: [] };
      this.#annotations = { 'run.oci.seccomp_bpf_data': filter.toString('base64') };
    } else {
      this.#seccomp = ociSeccomp(policy);
      this.#annotations = {};
    }
    this.name = runtime.name;
    this.description =
      `${runtime.name} ${runtime.version}, seccomp, ${DEFAULT_CAPABILITIES.length} capabilities` +
      (runtime.usesCgroups ? '' : ', no cgroups') +
      (host.userNamespace === undefined ? '' : ', other processors emulated');
  }

  async run(spec: SandboxSpec, io: SandboxIo, signal: AbortSignal): Promise<ProcessExit> {
    signal.throwIfAborted();
    const memory = watchMemory();
    using cgroup = this.#runtime.usesCgroups ? undefined : tryOpenStepCgroup(spec.id, spec.limits);
    using own = makeStepDir(this.#host.runtimeBase);
    const dir = own.path;
    try {
      writeFileSync(path.join(dir, 'config.json'), this.#config(spec, io), { mode: 0o600 });
      const exit = await this.#runBundle(dir, spec, io, cgroup, signal);
      return memory.explain(exit, cgroup);
    } finally {
      if (this.#runtime.usesCgroups) {
        removeCgroups(cgroupName(spec.id), spec.limits?.cgroupParent);
      }
    }
  }

  limitsProblem(limits: StepLimits): string | undefined {
    return cgroupProblem(limits);
  }

  #config(spec: SandboxSpec, io: SandboxIo): string {
    // Its network namespace is entered before the user namespace, where that is still allowed.
    const isNetworkJoined =
      this.#host.userNamespace !== undefined && spec.network.kind === 'namespace';
    const own = isNetworkJoined ? { ...spec, network: { kind: 'host' } as const } : spec;
    const config = runtimeSpec(own, {
      seccomp: this.#seccomp,
      annotations: spec.isInsecure === true ? {} : this.#annotations,
      isUserNamespace: this.#host.isUserNamespace,
      hasTtyGroup: this.#host.hasTtyGroup,
      canSetGroups: this.#host.canSetGroups,
      cgroupsPath: this.#runtime.usesCgroups
        ? path.posix.join('/', spec.limits?.cgroupParent ?? '', cgroupName(spec.id))
        : undefined,
      hasCgroupV2: this.#host.hasCgroupV2,
      isTerminal: io.kind === 'terminal',
      boundingCapabilities: this.#host.boundingCapabilities,
      hardCoreLimit: this.#host.hardCoreLimit,
    });
    return runtimeSpecText(config);
  }

  async #runBundle(
    dir: string,
    spec: SandboxSpec,
    io: SandboxIo,
    cgroup: StepCgroup | undefined,
    signal: AbortSignal,
  ): Promise<ProcessExit> {
    const program = this.#program(dir, spec, io.kind === 'terminal', cgroup);
    const tail = new StderrTail(io);
    // Runtimes hand standard input over to the step's user. In a user namespace they have to take the
    // host's own /dev/null for the step's, and would do that to it.
    const isNullShared = this.#host.userNamespace !== undefined;
    const stepIo = isNullShared ? openStepIo(tail.io, openEmptyFile) : openStepIo(tail.io);
    const end = throwIfFailed(await runGuarded(program, stepIo, spec.stopTimeoutMs, signal));
    if (end.kind === 'exited' && end.status === 0) return end;
    const error = readLoggedError(path.join(dir, LOG), spec);
    if (error !== undefined) throw error;
    // Past its own setup the runtime can only write to the step's standard error.
    if (FORMAT_ERROR.test(tail.text)) throw wrongProgramFormat(spec.args[0] ?? '');
    if (TOO_LONG.test(tail.text)) throw argumentsTooLong(spec);
    if (end.kind === 'exited') return end;
    return { kind: 'signaled', signal: end.signal, isOutOfMemory: false };
  }

  #program(
    dir: string,
    spec: SandboxSpec,
    isTerminal: boolean,
    cgroup: StepCgroup | undefined,
  ): LaunchProgram {
    const { userNamespace } = this.#host;
    const program = beginGuarded(this.#launcher, 0, process.pid, userNamespace, (outside) =>
      joinNetwork(outside, spec),
    );
    enterCgroup(program, cgroup);
    program.call('mount', ['none', '/', 0, MS.REC | MS.PRIVATE, 0], 'making mounts private');
    if (this.#host.hasHybridCgroups && this.#runtime.name === 'crun') {
      hideUnified(program, this.#host.isUserNamespace);
    }
    // In a user namespace that is also what keeps cgroups below /sys read-only (CVE-2023-25809).
    makeHostReadonly(program, this.#host.kernel, this.#writablePlaces(dir, spec));
    if (spec.isInsecure !== true) {
      // Device nodes that a step makes must not open the host's disks, whatever cgroups do.
      const noDevices = { words: [MOUNT_ATTR_NODEV, 0, 0, 0] };
      program.tryCall(
        'mount_setattr',
        [AT_FDCWD, spec.rootfs, 0, noDevices, MOUNT_ATTR_BYTES],
        'switching device nodes off',
      );
    }
    const flags = MS.NOSUID | MS.NODEV | MS.NOEXEC;
    program.call('mount', ['proc', '/proc', 'proc', flags, 0], 'mounting /proc for the runtime');
    // A terminal belongs to a session: the runtime needs ours then. Else Ctrl-C is for the build alone.
    if (!isTerminal) program.call('setsid', [], 'making a session');
    program.call('chdir', ['/'], 'changing the directory');
    const env = Object.entries(CLEAN_ENV).map(([name, value]) => `${name}=${value}`);
    const argv = [this.#runtime.program, ...this.#arguments(dir, spec)];
    program.call('execve', [this.#runtime.program, argv, env], `starting ${this.#runtime.name}`);
    return program;
  }

  /** What the runtime and its step write to: host paths. */
  #writablePlaces(dir: string, spec: SandboxSpec): string[] {
    const sources = spec.mounts.flatMap((each) =>
      each.type === 'bind' && !each.isReadonly ? [each.source] : [],
    );
    return [
      ...[dir, spec.rootfs, ...sources],
      ...(this.#runtime.usesCgroups ? [CGROUP_ROOT] : []),
      // A step that may do all may write to it, where it is bound and not mounted anew.
      ...(spec.isInsecure === true ? ['/sys'] : []),
    ];
  }

  #arguments(dir: string, spec: SandboxSpec): string[] {
    const log = path.join(dir, LOG);
    const common = ['--root', path.join(dir, 'state'), '--log', log, '--log-format', 'json'];
    const cgroups =
      this.#runtime.name === 'runc'
        ? []
        : [`--cgroup-manager=${this.#runtime.usesCgroups ? 'cgroupfs' : 'disabled'}`];
    return [...common, ...cgroups, 'run', '--bundle', dir, spec.id];
  }
}

function openEmptyFile(): number {
  return createMemoryFile('stagecraft-input', new Uint8Array());
}

/** The last words of runc and crun when the kernel refuses the program. */
const TOO_LONG = /exec (container process )?\S+: argument list too long["\s]/i;
const FORMAT_ERROR = /exec (container process )?\S+: exec format error["\s]/i;
const LOG = 'log.json';
const AT_FDCWD = -100;
const MNT_DETACH = 2;
const MOUNT_ATTR_NODEV = 4;
const MOUNT_ATTR_BYTES = 32;

/** crun up to 1.8 at least refuses hosts with both cgroup versions; it works when it does not see the second. */
function hideUnified(program: LaunchProgram, isUserNamespace: boolean): void {
  if (isUserNamespace) {
    // What was mounted outside can be covered, not unmounted.
    program.tryCall('mount', ['none', UNIFIED, 'tmpfs', MS.RDONLY, 0], 'hiding cgroup v2');
  } else {
    program.tryCall('umount2', [UNIFIED, MNT_DETACH], 'hiding cgroup v2');
  }
}

/** Passes output on and remembers the end of standard error. */
class StderrTail {
  readonly io: SandboxIo;
  #tail = '';

  constructor(io: SandboxIo) {
    this.io =
      io.kind !== 'captured'
        ? io
        : {
            kind: 'captured',
            onOutput: (stream, bytes) => {
              if (stream === 'stderr') this.#remember(bytes);
              io.onOutput(stream, bytes);
            },
          };
  }

  get text(): string {
    return this.#tail;
  }

  #remember(bytes: Uint8Array): void {
    const last = Buffer.from(bytes.subarray(-TAIL_BYTES)).toString('latin1');
    this.#tail = (this.#tail + last).slice(-TAIL_BYTES);
  }
}

const TAIL_BYTES = 400;

/** What the runtime wrote to its log when it could not start the step. */
function readLoggedError(log: string, spec: SandboxSpec): BuildError | undefined {
  let text: string;
  try {
    text = readFileSync(log, 'utf8');
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
  const message = text.split('\n').flatMap(errorMessage).at(-1);
  if (message === undefined) return undefined;
  const [program = ''] = spec.args;
  if (/setresuid|setresgid|unable to setup user/.test(message)) {
    return idNotMapped(`user ${spec.user.uid}:${spec.user.gid}`);
  }
  if (/exec format error/i.test(message)) return wrongProgramFormat(program);
  if (/executable file (.* )?not found|exec.*: no such file or directory/i.test(message)) {
    return programNotFound(program);
  }
  if (/(open executable|exec: ".*"): permission denied/i.test(message)) {
    return programNotExecutable(program);
  }
  return cannotStart(shownOutput(message));
}

function errorMessage(line: string): string[] {
  try {
    const entry: unknown = JSON.parse(line);
    if (typeof entry !== 'object' || entry === null) return [];
    const { level, msg } = entry as { readonly level?: unknown; readonly msg?: unknown };
    return level === 'error' && typeof msg === 'string' ? [msg] : [];
  } catch {
    return line.trim() === '' ? [] : [line];
  }
}
