import { CLEAN_ENV } from '../host/child-process.ts';
import { sweepCgroups } from './cgroups.ts';
import { noSandbox, NOT_INSTALLED } from './errors.ts';
import { readHostFacts } from './host-facts.ts';
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
  /** This process's environment: PATH and XDG_RUNTIME_DIR are read. Nothing of it reaches a step. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Directory where probe results are kept between runs, made when missing. Undefined: nowhere. */
  readonly cacheDir: string | undefined;
  readonly signal: AbortSignal;
}

/** In order of preference, which is the order of speed: docs/decisions/007 has the figures. All three shut a step in alike. */
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
 * @throws BuildError NO_SANDBOX naming each candidate and why it was skipped
 */
export async function openSandbox(options: OpenSandboxOptions): Promise<Sandbox> {
  const probeOptions = probeOptionsOf(options);
  sweepStepDirs(probeOptions.host.runtimeBase);
  if (!probeOptions.host.isUserNamespace) sweepCgroups();
  const reasons: string[] = [];
  for (const name of CANDIDATES[options.isolation]) {
    const probe = await probeOne(name, probeOptions, options.signal);
    if (probe.isUsable) return probe.sandbox;
    reasons.push(probe.reason);
  }
  throw noSandbox(options.isolation, reasons);
}

/** What `stagecraft info` shows about steps. */
export interface HostDescription {
  /** GOARCH. */
  readonly architecture: string;
  readonly kernel: string;
  readonly isRootless: boolean;
  readonly cgroups: 'v1' | 'v2' | 'hybrid';
  readonly sandboxes: readonly SandboxDescription[];
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

/** Probes everything, also what `auto` would not get to. */
export async function describeHost(
  options: Omit<OpenSandboxOptions, 'isolation'>,
): Promise<HostDescription> {
  const probeOptions = probeOptionsOf(options);
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
