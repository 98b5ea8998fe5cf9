import { randomBytes } from 'node:crypto';
import { mkdirSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { findProgram, runProcess, shownOutput } from '../host/child-process.ts';
import { BuildError } from '../diagnostics/build-error.ts';
import { NOT_EXECUTABLE, NOT_INSTALLED } from './errors.ts';
import type { HostFacts } from './host-facts.ts';
import { LaunchProgram } from './launcher/program.ts';
import type { LauncherArchitecture } from './launcher/machine-code.ts';
import { OciSandbox, type OciRuntime } from './oci-runtime.ts';
import { recallProbe, rememberProbe } from './probe-memory.ts';
import type { Sandbox, SandboxSpec } from './sandbox.ts';
import { makeStepDir } from './step-dir.ts';

/** What was found about one way of isolating steps. */
export type SandboxProbe =
  | { readonly name: SandboxName; readonly isUsable: true; readonly sandbox: Sandbox }
  | { readonly name: SandboxName; readonly isUsable: false; readonly reason: string };

export type SandboxName = 'crun' | 'runc' | 'namespaces';

export interface ProbeOptions {
  readonly host: HostFacts;
  /** PATH of this process. */
  readonly searchPath: string;
  /** Where results are kept between runs. Undefined: nowhere. */
  readonly cacheDir: string | undefined;
}

/**
 * Finds a runtime and starts a container of one tiny program with it: a runtime that is installed is
 * not yet one that works here. A success is remembered until program, kernel or user change.
 */
export async function probeRuntime(
  name: OciRuntime['name'],
  options: ProbeOptions,
  signal: AbortSignal,
): Promise<SandboxProbe> {
  const { host, searchPath } = options;
  if (host.launcher === undefined) return skipped(name, `no launcher for ${host.architecture}`);
  const program = findProgram(name, searchPath) ?? findProgram(name);
  if (program === undefined) return skipped(name, `${name}${NOT_INSTALLED}`);
  const key = cacheKey(program, host);
  const known = recallProbe(options.cacheDir, name, key);
  if (known !== undefined) {
    const { version, usesCgroups, takesFilter } = known;
    const runtime = {
      name,
      program,
      version: String(version),
      usesCgroups: usesCgroups === true,
      takesFilter: takesFilter === true,
    };
    return { name, isUsable: true, sandbox: new OciSandbox(runtime, host, host.launcher) };
  }
  const version = await readVersion(program, signal);
  const reasons: string[] = [];
  // Outside user namespaces only a device cgroup keeps steps from the host's disks, so it is a must.
  const usesCgroups = !host.isUserNamespace;
  for (const takesFilter of name === 'crun' && host.launcher === 'x64' ? [true, false] : [false]) {
    const runtime = { name, program, version, usesCgroups, takesFilter };
    const sandbox = new OciSandbox(runtime, host, host.launcher);
    const reason = await tryStart(sandbox, host, host.launcher, signal);
    if (reason === undefined) {
      rememberProbe(options.cacheDir, name, key, { version, usesCgroups, takesFilter });
      return { name, isUsable: true, sandbox };
    }
    reasons.push(reason);
  }
  return skipped(
    name,
    `${name} ${version} does not start here: ${reasons.at(-1) ?? 'no reason given'}`,
  );
}

/**
 * Runs a program that ends with status 0 in a root file system that holds nothing else.
 * Undefined when it worked, else why not.
 */
export async function tryStart(
  sandbox: Sandbox,
  host: HostFacts,
  launcher: LauncherArchitecture,
  signal: AbortSignal,
): Promise<string | undefined> {
  const reason = await tryStartIn(host.runtimeBase, sandbox, launcher, signal);
  // Containers have a tmpfs that nothing can be executed on; steps are not there.
  if (reason?.endsWith(NOT_EXECUTABLE) !== true) return reason;
  return tryStartIn(tmpdir(), sandbox, launcher, signal);
}

async function tryStartIn(
  base: string,
  sandbox: Sandbox,
  launcher: LauncherArchitecture,
  signal: AbortSignal,
): Promise<string | undefined> {
  using dir = makeStepDir(base);
  try {
    const rootfs = path.join(dir.path, 'rootfs');
    for (const folder of ['', 'dev', 'proc', 'sys']) mkdirSync(path.join(rootfs, folder));
    const program = new LaunchProgram(launcher);
    program.call('exit_group', [0], 'ending');
    writeFileSync(path.join(rootfs, 'probe'), program.build(), { mode: 0o755 });
    const output: string[] = [];
    const io = {
      kind: 'captured',
      onOutput: (_stream: string, bytes: Uint8Array) => output.push(shownOutput(bytes)),
    } as const;
    const exit = await sandbox.run(probeSpec(rootfs), io, signal);
    if (exit.kind === 'exited' && exit.status === 0) return undefined;
    return output.join(' ') || `the test program ended with ${JSON.stringify(exit)}`;
  } catch (error) {
    if (signal.aborted || !(error instanceof BuildError)) throw error;
    return error.message.replace(/^Cannot start the process: /, '');
  }
}

function probeSpec(rootfs: string): SandboxSpec {
  return {
    id: `probe-${randomBytes(8).toString('hex')}`,
    rootfs,
    args: ['/probe'],
    env: [],
    cwd: '/',
    user: { uid: 0, gid: 0, groups: [0], home: '/' },
    hostname: 'probe',
    mounts: [],
    network: { kind: 'host' },
    shmBytes: 65_536,
    stopTimeoutMs: 0,
  };
}

async function readVersion(program: string, signal: AbortSignal): Promise<string> {
  const { stdout } = await runProcess({ program, args: ['--version'] }, signal);
  return /version\s+(\S{1,40})/.exec(shownOutput(stdout))?.[1] ?? 'of unknown version';
}

function skipped(name: SandboxName, reason: string): SandboxProbe {
  return { name, isUsable: false, reason };
}

/** Everything a success depends on: program file, kernel, user and kind of cgroups. */
function cacheKey(program: string, host: HostFacts): string {
  const { mtimeMs, size } = statSync(program);
  const facts = [
    host.kernel,
    host.uid,
    host.isUserNamespace,
    host.hasHybridCgroups,
    host.userNamespace !== undefined,
  ];
  return [program, mtimeMs, size, ...facts].join(' ');
}
