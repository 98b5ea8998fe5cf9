import { readFileSync } from 'node:fs';
import { constants } from 'node:os';
import path from 'node:path';
import { isKernelAtLeast } from '../host/kernel-version.ts';
import { DEFAULT_CAPABILITIES } from './capabilities.ts';
import {
  argumentsTooLong,
  idNotMapped,
  programNotExecutable,
  programNotFound,
  wrongProgramFormat,
} from './errors.ts';
import type { HostFacts } from './host-facts.ts';
import { beginGuarded, CLONE_NEWNS, throwIfFailed, type LaunchEnd } from './launcher/start.ts';
import { joinNetwork } from './join-network.ts';
import type { LauncherArchitecture } from './launcher/machine-code.ts';
import type { LaunchProgram } from './launcher/program.ts';
import { watchMemory } from './out-of-memory.ts';
import { forgetProbe, recallProbe, rememberProbe } from './probe-memory.ts';
import { tryStart, type ProbeOptions, type SandboxProbe } from './probe-runtime.ts';
import { runGuarded } from './run-guarded.ts';
import { limitsOf, STEP_CAPABILITY_MASK } from './runtime-spec.ts';
import {
  RESOURCE_LIMITS,
  type ProcessExit,
  type Sandbox,
  type SandboxIo,
  type SandboxSpec,
} from './sandbox.ts';
import { bringLoopbackUp } from './loopback-calls.ts';
import { addRootCalls, MOUNTING_PROC, type ProcView } from './root-calls.ts';
import { compileSeccomp, FILTER_ABIS } from './seccomp-filter.ts';
import { resolveSeccomp } from './seccomp.ts';
import { cgroupProblem, tryOpenStepCgroup, type StepCgroup } from './step-cgroup.ts';
import { openStepIoWithTerminal, type StepIo } from './step-io.ts';
import { DEFAULT_PIDS, type StepLimits } from './step-limits.ts';
import { enterCgroup } from './enter-cgroup.ts';

/**
 * Steps in Linux namespaces directly, for hosts without an OCI runtime: the same capabilities, seccomp
 * policy, masked and read-only paths, and `/dev` of the same nodes.
 */
class NamespacesSandbox implements Sandbox {
  readonly name = 'namespaces';
  readonly description: string;
  readonly #host: HostFacts;
  readonly #launcher: LauncherArchitecture;
  readonly #seccomp: Buffer;
  readonly #lastCapability: number;
  readonly #procView: ProcView;
  readonly #onCannotStart: () => void;

  /** `onCannotStart` is called when the kernel refuses what a step is made of. */
  constructor(
    host: HostFacts,
    launcher: LauncherArchitecture,
    procView: ProcView,
    onCannotStart: () => void,
  ) {
    this.#onCannotStart = onCannotStart;
    this.#host = host;
    this.#procView = procView;
    this.#launcher = launcher;
    const policy = resolveSeccomp(host.architecture, DEFAULT_CAPABILITIES);
    this.#seccomp = compileSeccomp(policy, FILTER_ABIS[launcher]);
    this.#lastCapability = Number(readFileSync('/proc/sys/kernel/cap_last_cap', 'latin1'));
    this.description =
      `Linux namespaces, seccomp, ${DEFAULT_CAPABILITIES.length} capabilities` +
      (cgroupProblem({ pids: DEFAULT_PIDS }) === undefined ? '' : ', no cgroups') +
      (procView === 'own' ? '' : ', /proc of the surrounding container') +
      (launcher === 'arm64' ? ', no 32-bit programs' : '') +
      (host.userNamespace === undefined ? '' : ', other processors emulated');
  }

  async run(spec: SandboxSpec, io: SandboxIo, signal: AbortSignal): Promise<ProcessExit> {
    signal.throwIfAborted();
    const memory = watchMemory();
    using cgroup = tryOpenStepCgroup(spec.id, spec.limits);
    const stepIo = openStepIoWithTerminal(io);
    const program = this.#programOrClose(spec, io.kind, stepIo, cgroup);
    const launch = await runGuarded(program, stepIo, spec.stopTimeoutMs, signal);
    if (launch.kind === 'failed' && launch.about !== EXECUTING) this.#onCannotStart();
    const end = explainExec(launch, spec);
    const exit: ProcessExit = end.kind === 'exited' ? end : { ...end, isOutOfMemory: false };
    return memory.explain(exit, cgroup);
  }

  limitsProblem(limits: StepLimits): string | undefined {
    return cgroupProblem(limits);
  }

  #programOrClose(
    spec: SandboxSpec,
    ioKind: SandboxIo['kind'],
    stepIo: StepIo,
    cgroup: StepCgroup | undefined,
  ): LaunchProgram {
    try {
      return this.#program(spec, ioKind, stepIo.terminal, cgroup);
    } catch (error) {
      stepIo.closeOurs();
      throw error;
    }
  }

  #program(
    spec: SandboxSpec,
    ioKind: SandboxIo['kind'],
    terminal: string | undefined,
    cgroup: StepCgroup | undefined,
  ): LaunchProgram {
    const { userNamespace } = this.#host;
    const program = beginGuarded(
      this.#launcher,
      namespacesOf(spec),
      process.pid,
      userNamespace,
      (outside) => joinNetwork(outside, spec),
    );
    enterCgroup(program, cgroup);
    // After that, so that the step sees its own cgroup as the root of all.
    program.call('unshare', [CLONE_NEWCGROUP], 'hiding other cgroups');
    if (spec.network.kind === 'none') bringLoopbackUp(program);
    if (userNamespace === undefined) joinNetwork(program, spec);
    addRootCalls(program, spec, this.#host, terminal, this.#procView);
    this.#nameHost(program, spec.hostname);
    program.call('setsid', [], 'making a session');
    if (ioKind === 'terminal') program.call('ioctl', [0, TIOCSCTTY, 0], 'taking the terminal');
    program.tryCall('keyctl', [KEYCTL_JOIN_SESSION_KEYRING, 0], 'making a keyring');
    setLimits(program, spec, this.#host.hardCoreLimit);
    program.call('umask', [UMASK], 'setting the umask');
    // As runc does: the directory need not be one that the step's user could enter.
    program.call('chdir', [spec.cwd], `entering "${spec.cwd}"`);
    this.#dropPrivileges(program, spec, ioKind);
    execute(program, spec);
    return program;
  }

  #nameHost(program: LaunchProgram, name: string): void {
    const args = [name, Buffer.byteLength(name)];
    const about = 'naming the host';
    if (this.#procView === 'own') program.call('sethostname', args, about);
    // The filters of containers mostly refuse it, and then a step sees the container's name.
    else program.tryCall('sethostname', args, about);
  }

  #dropPrivileges(program: LaunchProgram, spec: SandboxSpec, ioKind: SandboxIo['kind']): void {
    const { uid, gid, groups } = spec.user;
    const isInsecure = spec.isInsecure === true;
    const capabilities = isInsecure ? this.#host.boundingCapabilities : STEP_CAPABILITY_MASK;
    for (let capability = 0; capability <= this.#lastCapability; capability++) {
      if ((capabilities & (1n << BigInt(capability))) !== 0n) continue;
      program.call('prctl', [PR_CAPBSET_DROP, capability, 0, 0, 0], 'dropping capabilities');
    }
    // What we made for it, its user must be able to open as /dev/stdout. Never what was there before:
    // standard input is mostly the host's own /dev/null.
    for (const fd of OWN_DESCRIPTORS[ioKind]) {
      program.tryCall('fchown', [fd, uid, -1], 'handing over its output');
    }
    // While there is CAP_SYS_ADMIN: without it a filter would need no_new_privs, which breaks sudo.
    const filter = { words: [this.#seccomp.length / INSTRUCTION_BYTES, this.#seccomp] };
    if (!isInsecure) {
      program.call('seccomp', [SECCOMP_SET_MODE_FILTER, 0, filter], 'filtering system calls');
    }
    const list = Buffer.from(Uint32Array.from(groups).buffer);
    if (this.#host.canSetGroups) {
      program.call('setgroups', [groups.length, list], 'setting the groups');
    }
    program.call('setresgid', [gid, gid, gid], `${CHANGING} group ${gid}`);
    program.call('setresuid', [uid, uid, uid], `${CHANGING} user ${uid}`);
    // Root keeps its set through exec by the bounding set; another user has none left to keep.
    const permitted = uid === 0 ? capabilities : 0n;
    program.call('capset', [CAPABILITY_HEADER, capabilitySets(permitted)], 'setting capabilities');
    program.call('prctl', [PR_SET_PDEATHSIG, constants.signals.SIGKILL], 'tying it to its guard');
  }
}

/** Whether steps can run in namespaces directly here, tried once with a small program. */
export async function probeNamespaces(
  options: ProbeOptions,
  signal: AbortSignal,
): Promise<SandboxProbe> {
  const { host } = options;
  const skip = (reason: string): SandboxProbe => ({ name: 'namespaces', isUsable: false, reason });
  if (host.launcher === undefined) return skip(`no launcher for ${host.architecture}`);
  if (!isKernelAtLeast(host.kernel, 5, 12)) {
    return skip(`namespaces need Linux 5.12, this is ${host.kernel}`);
  }
  const { cacheDir } = options;
  const { launcher } = host;
  const usable = (procView: ProcView): Extract<SandboxProbe, { isUsable: true }> => {
    const forget = (): void => {
      forgetProbe(cacheDir, 'namespaces');
    };
    const sandbox = new NamespacesSandbox(host, launcher, procView, forget);
    return { name: 'namespaces', isUsable: true, sandbox };
  };
  const key = [host.kernel, host.uid, host.userNamespace !== undefined, host.rights].join(' ');
  const known = recallProbe(cacheDir, 'namespaces', key)?.['procView'];
  if (known === 'own' || known === 'surrounding') return usable(known);
  let reason: string | undefined;
  for (const procView of ['own', 'surrounding'] as const) {
    const probe = usable(procView);
    reason = await tryStart(probe.sandbox, host, launcher, signal);
    if (reason === undefined) {
      rememberProbe(cacheDir, 'namespaces', key, { procView });
      return probe;
    }
    if (!reason.startsWith(MOUNTING_PROC)) break;
  }
  return skip(`namespaces do not work here: ${reason ?? 'no reason given'}`);
}

const CLONE_NEWUTS = 0x04000000;
const CLONE_NEWIPC = 0x08000000;
const CLONE_NEWCGROUP = 0x02000000;
const CLONE_NEWNET = 0x40000000;

function namespacesOf(spec: SandboxSpec): number {
  const network = spec.network.kind === 'none' ? CLONE_NEWNET : 0;
  return CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | network;
}

const UMASK = 0o022;
const PR_SET_PDEATHSIG = 1;
const PR_CAPBSET_DROP = 24;
const KEYCTL_JOIN_SESSION_KEYRING = 1;
const SECCOMP_SET_MODE_FILTER = 1;
const INSTRUCTION_BYTES = 8;
const TIOCSCTTY = 0x540e;

function setLimits(program: LaunchProgram, spec: SandboxSpec, hardCoreLimit: number): void {
  for (const { name, soft, hard } of limitsOf(spec, hardCoreLimit)) {
    const limit = { words: [soft, hard] };
    const resource = RESOURCE_LIMITS[name];
    program.call('prlimit64', [0, resource, limit, 0], `setting the limit "${name}"`);
  }
}

/** struct __user_cap_header_struct: version 3, this process. */
const CAPABILITY_HEADER = Buffer.from('2205082000000000', 'hex');

/** Two struct __user_cap_data_struct: effective, permitted, inheritable; low halves first. */
function capabilitySets(permitted: bigint): Buffer {
  const sets = Buffer.alloc(24);
  for (const [index, half] of [permitted & 0xffffffffn, permitted >> 32n].entries()) {
    sets.writeUInt32LE(Number(half), index * 12);
    sets.writeUInt32LE(Number(half), index * 12 + 4);
  }
  return sets;
}

/** Which of the descriptors 0 to 2 this program made for the step (step-io.ts). */
const OWN_DESCRIPTORS: Readonly<Record<SandboxIo['kind'], readonly number[]>> = {
  captured: [1, 2],
  terminal: [0, 1, 2],
  inherit: [],
};

const CHANGING = 'changing to';
const EXECUTING = 'executing the program';

/** Tries the directories of PATH in order, as execvp(3) does. */
function execute(program: LaunchProgram, spec: SandboxSpec): void {
  const [name = ''] = spec.args;
  const searchPath =
    spec.env.find((entry) => entry.startsWith('PATH='))?.slice('PATH='.length) ?? '';
  const files = name.includes('/')
    ? [name]
    : searchPath.split(':').map((folder) => path.posix.join(folder === '' ? '.' : folder, name));
  files.forEach((file, index) => {
    const args = [file, spec.args, spec.env];
    if (index < files.length - 1) program.tryCall('execve', args, EXECUTING);
    else program.call('execve', args, EXECUTING);
  });
}

/** @throws BuildError SANDBOX_START in the words of people when the program could not be executed */
function explainExec(end: LaunchEnd, spec: SandboxSpec): Exclude<LaunchEnd, { kind: 'failed' }> {
  if (end.kind === 'failed' && end.about === EXECUTING) {
    const [name = ''] = spec.args;
    if (['ENOENT', 'ENOTDIR'].includes(end.errno)) throw programNotFound(name);
    if (end.errno === 'EACCES') throw programNotExecutable(name);
    if (end.errno === 'ENOEXEC') throw wrongProgramFormat(name);
    if (end.errno === 'E2BIG') throw argumentsTooLong(spec);
  }
  if (end.kind === 'failed' && end.about.startsWith(CHANGING) && end.errno === 'EINVAL') {
    throw idNotMapped(end.about.slice(CHANGING.length + 1));
  }
  return throwIfFailed(end);
}
