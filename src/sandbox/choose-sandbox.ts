import { CLEAN_ENV } from '../host/child-process.ts';
import { findSurroundings, namespaceRemedy } from '../host/surroundings.ts';
import { release } from 'node:os';
import { formatPlatform, hostPlatform, type Platform } from '../core/platform.ts';
import { sweepCgroups } from './cgroups.ts';
import {
  openEmulationNamespace,
  type EmulationNamespace,
} from './emulation/emulation-namespace.ts';
import { findEmulator } from './emulation/find-emulator.ts';
import {
  findRunnable,
  runnablePlatforms,
  type Runnable,
  type RunnableHost,
} from './emulation/foreign-programs.ts';
import { predecessorOf, runsPredecessor } from './emulation/native-programs.ts';
import { KNOWN_ARCHITECTURES, programFormat } from './emulation/program-format.ts';
import { noSandbox, NOT_INSTALLED, platformNotRunnable } from './errors.ts';
import { readHostFacts } from './host-facts.ts';
import type { LauncherArchitecture } from './launcher/machine-code.ts';
import { probeNamespaces } from './namespaces-sandbox.ts';
import {
  probeRuntime,
  type ProbeOptions,
  type SandboxName,
  type SandboxProbe,
} from './probe-runtime.ts';
import type { Sandbox } from './sandbox.ts';
import { sweepStepDirs } from './step-dir.ts';

/** `--isolation`. */
export type Isolation = 'auto' | 'oci' | SandboxName;

export interface OpenSandboxOptions {
  readonly isolation: Isolation;
  /** That the programs of the steps are for; undefined is that of this host. */
  readonly platform?: Platform | undefined;
  /** This process's environment: PATH and XDG_RUNTIME_DIR are read. Nothing of it reaches a step. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Directory where probe results are kept between runs, made when missing. Undefined: nowhere. */
  readonly cacheDir: string | undefined;
  readonly signal: AbortSignal;
}

/** In order of preference, which is the order of speed: docs/decisions/009 compares them. All three shut a step in alike. */
const CANDIDATES: Readonly<Record<Isolation, readonly SandboxName[]>> = {
  auto: ['namespaces', 'crun', 'runc'],
  oci: ['crun', 'runc'],
  crun: ['crun'],
  runc: ['runc'],
  namespaces: ['namespaces'],
};

/**
 * The first way of isolating steps that works on this host. Steps run as the user this process has,
 * which needs its capabilities: as root, or in a user namespace.
 *
 * @throws BuildError NO_SANDBOX naming each candidate and why it was skipped; PLATFORM_NOT_RUNNABLE
 */
export async function openSandbox(options: OpenSandboxOptions): Promise<Sandbox> {
  const probeOptions = forPlatform(probeOptionsOf(options), options.platform);
  sweepStepDirs(probeOptions.host.runtimeBase);
  if (!probeOptions.host.isUserNamespace) sweepCgroups();
  const reasons: string[] = [];
  for (const name of CANDIDATES[options.isolation]) {
    const probe = await probeOne(name, probeOptions, options.signal);
    if (probe.isUsable) return probe.sandbox;
    reasons.push(probe.reason);
  }
  throw noSandbox(options.isolation, reasons, namespaceRemedy(findSurroundings(options.env)));
}

/** The same host, with a user namespace for emulators where programs of the platform need one. */
function forPlatform(options: ProbeOptions, platform: Platform | undefined): ProbeOptions {
  const { host } = options;
  if (platform === undefined || platform.architecture === host.architecture) return options;
  const runnable = findRunnable(platform, runnableHost(options));
  const name = formatPlatform(platform);
  if (runnable.kind === 'impossible') {
    throw platformNotRunnable(name, runnable.reason, runnable.remedy);
  }
  if (runnable.kind !== 'emulated' || host.launcher === undefined) return options;
  const userNamespace = emulationNamespace(host.launcher, options, name);
  return { ...options, host: { ...host, userNamespace, isUserNamespace: true } };
}

function runnableHost({ host, searchPath }: ProbeOptions): RunnableHost {
  return { architecture: host.architecture, kernel: host.kernel, searchPath };
}

/** One for all platforms and steps. It goes when this process does. */
let openNamespace: EmulationNamespace | undefined;

function emulationNamespace(
  launcher: LauncherArchitecture,
  { host, searchPath }: ProbeOptions,
  platform: string,
): string {
  if (openNamespace !== undefined) return openNamespace.path;
  // It hides the handlers of the host, so it has all that can be had.
  const emulators = KNOWN_ARCHITECTURES.flatMap((architecture) => {
    const format = programFormat(architecture);
    if (format === undefined || architecture === host.architecture) return [];
    if (architecture === predecessorOf(host.architecture) && runsPredecessor(host.architecture)) {
      return [];
    }
    const program = findEmulator(format, searchPath);
    return program === undefined ? [] : [{ format, program }];
  });
  openNamespace = openEmulationNamespace(launcher, emulators, platform);
  return openNamespace.path;
}

/**
 * Whether steps of a platform can run here, and how. Starts nothing but a tiny program.
 * `env` is this process's environment: PATH is read.
 */
export function findRunnableHere(
  platform: Platform,
  env: Readonly<Record<string, string | undefined>>,
): Runnable {
  const host = {
    architecture: hostPlatform(process.arch).architecture,
    kernel: release(),
    searchPath: env['PATH'] ?? '',
  };
  return findRunnable(platform, host);
}

/** What `stagecraft info` shows about steps. */
export interface HostDescription {
  /** GOARCH. */
  readonly architecture: string;
  readonly kernel: string;
  readonly isRootless: boolean;
  readonly cgroups: 'v1' | 'v2' | 'hybrid';
  readonly sandboxes: readonly SandboxDescription[];
  /** Those that `RUN` works for. */
  readonly platforms: readonly PlatformDescription[];
}

/** A platform, and what runs its programs. */
export interface PlatformDescription {
  readonly platform: string;
  readonly how: 'native' | 'registered' | 'emulated';
  /** Path of the emulator. */
  readonly emulator: string | undefined;
}

export interface SandboxDescription {
  readonly name: SandboxName;
  readonly isUsable: boolean;
  /** What it does, or why it cannot be used here. */
  readonly detail: string;
  /** What would make it usable, where that is known. */
  readonly remedy: string | undefined;
  /** True for the one that `--isolation=auto` takes. */
  readonly isDefault: boolean;
}

/** Tries everything anew, also what `auto` would not get to. */
export async function describeHost(
  options: Omit<OpenSandboxOptions, 'isolation' | 'cacheDir'>,
): Promise<HostDescription> {
  const probeOptions = probeOptionsOf({ ...options, cacheDir: undefined });
  const { host } = probeOptions;
  const probes: SandboxProbe[] = [];
  for (const name of CANDIDATES.auto) {
    probes.push(await probeOne(name, probeOptions, options.signal));
  }
  const first = probes.find((probe) => probe.isUsable);
  return {
    architecture: host.architecture,
    kernel: host.kernel,
    isRootless: host.isUserNamespace || host.uid !== 0,
    platforms: runnablePlatforms(runnableHost(probeOptions)).flatMap(describePlatform),
    cgroups: host.hasHybridCgroups ? 'hybrid' : host.hasCgroupV2 ? 'v2' : 'v1',
    sandboxes: probes.map((probe) => ({
      name: probe.name,
      isUsable: probe.isUsable,
      detail: probe.isUsable ? probe.sandbox.description : probe.reason,
      remedy: remedyOf(probe),
      isDefault: probe === first,
    })),
  };
}

function describePlatform({
  platform,
  runnable,
}: {
  readonly platform: string;
  readonly runnable: Runnable;
}): PlatformDescription[] {
  switch (runnable.kind) {
    case 'native':
      return [{ platform, how: 'native', emulator: undefined }];
    case 'registered':
      return [{ platform, how: 'registered', emulator: runnable.interpreter }];
    case 'emulated':
      return [{ platform, how: 'emulated', emulator: runnable.emulator }];
    case 'impossible':
      return [];
    default:
      return runnable satisfies never;
  }
}

function remedyOf(probe: SandboxProbe): string | undefined {
  if (probe.isUsable || !probe.reason.endsWith(NOT_INSTALLED)) return undefined;
  return `Install the package "${probe.name}", for example: apt-get install ${probe.name}`;
}

function probeOptionsOf(options: Omit<OpenSandboxOptions, 'isolation'>): ProbeOptions {
  return {
    host: readHostFacts(options.env),
    searchPath: options.env['PATH'] ?? CLEAN_ENV['PATH'] ?? '',
    cacheDir: options.cacheDir,
  };
}

function probeOne(
  name: SandboxName,
  options: ProbeOptions,
  signal: AbortSignal,
): Promise<SandboxProbe> {
  return name === 'namespaces'
    ? probeNamespaces(options, signal)
    : probeRuntime(name, options, signal);
}
