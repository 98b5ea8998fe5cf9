import { existsSync, statSync } from 'node:fs';
import { capabilitiesIn, capabilityMask, DEFAULT_CAPABILITIES } from './capabilities.ts';
import type { ResourceLimit, SandboxMount, SandboxSpec } from './sandbox.ts';
import type { OciSeccomp } from './seccomp.ts';
import { limitResources, unifiedResources } from './step-limits.ts';

/** What of the host decides how a configuration is written. */
export interface RuntimeSpecHost {
  readonly seccomp: OciSeccomp;
  /** Our own words to the runtime. Those of images never get here (CVE-2026-53488). */
  readonly annotations: Readonly<Record<string, string>>;
  /** True inside a user namespace: no new sysfs without an own network, no device nodes. */
  readonly isUserNamespace: boolean;
  /** Whether group 5 (tty) exists in this user namespace. */
  readonly hasTtyGroup: boolean;
  /** Whether the kernel allows setgroups(2) here. */
  readonly canSetGroups: boolean;
  /** Where the runtime makes the step's cgroup; undefined where it must not. */
  readonly cgroupsPath: string | undefined;
  /** Version 2 alone: runtimes refuse its settings elsewhere. */
  readonly hasCgroupV2: boolean;
  readonly isTerminal: boolean;
  /** What a step with `isInsecure` gets. */
  readonly boundingCapabilities: bigint;
  readonly hardCoreLimit: number;
}

/**
 * The config.json of an OCI runtime bundle (runtime-spec 1.0) for one step: Docker's capabilities,
 * seccomp policy, masked and read-only paths; all namespaces of its own; no hooks and no
 * annotations of the image.
 */
export function runtimeSpec(spec: SandboxSpec, host: RuntimeSpecHost): object {
  return {
    ociVersion: '1.0.2',
    process: processSpec(spec, host),
    root: { path: spec.rootfs, readonly: false },
    hostname: spec.hostname,
    mounts: [
      ...systemMounts(spec, host),
      ...insecureDevices(spec).map(deviceMount),
      ...spec.mounts.map(mountSpec),
    ],
    annotations: host.annotations,
    linux: {
      namespaces: [
        { type: 'mount' },
        { type: 'pid' },
        { type: 'ipc' },
        { type: 'uts' },
        { type: 'cgroup' },
        ...networkNamespace(spec),
      ],
      ...(spec.isInsecure === true
        ? {}
        : { maskedPaths: MASKED_PATHS, readonlyPaths: READONLY_PATHS, seccomp: host.seccomp }),
      ...(host.cgroupsPath === undefined
        ? {}
        : {
            cgroupsPath: host.cgroupsPath,
            resources: {
              devices: deviceRules(spec),
              ...limitResources(spec.limits ?? {}),
              ...(host.hasCgroupV2 ? unifiedResources(spec.limits ?? {}) : {}),
            },
          }),
      rootfsPropagation: 'rprivate',
    },
  };
}

/** Shown as empty: what tells about the host's hardware, keys and power use (union of Docker's and Podman's lists). */
export const MASKED_PATHS: readonly string[] = [
  '/proc/acpi',
  '/proc/asound',
  '/proc/interrupts',
  '/proc/kcore',
  '/proc/keys',
  '/proc/latency_stats',
  '/proc/sched_debug',
  '/proc/scsi',
  '/proc/timer_list',
  '/proc/timer_stats',
  '/sys/devices/virtual/powercap',
  '/sys/firmware',
  '/sys/fs/selinux',
];

/** May be read, but not written even by root. */
export const READONLY_PATHS: readonly string[] = [
  '/proc/bus',
  '/proc/fs',
  '/proc/irq',
  '/proc/sys',
  '/proc/sysrq-trigger',
];

/** Bytes of the tmpfs on /dev. */
export const DEV_TMPFS_BYTES = 64 * 1024 * 1024;

const UMASK = 0o022;

function processSpec(spec: SandboxSpec, host: RuntimeSpecHost): object {
  const { uid, gid, groups } = spec.user;
  const capabilities =
    spec.isInsecure === true ? capabilitiesIn(host.boundingCapabilities) : DEFAULT_CAPABILITIES;
  return {
    terminal: host.isTerminal,
    user: { uid, gid, additionalGids: host.canSetGroups ? groups : [], umask: UMASK },
    args: spec.args,
    env: spec.env,
    cwd: spec.cwd,
    capabilities: {
      bounding: capabilities,
      effective: capabilities,
      permitted: capabilities,
      inheritable: [],
      ambient: [],
    },
    rlimits: limitsOf(spec, host.hardCoreLimit).map(({ name, soft, hard }) => ({
      type: `RLIMIT_${name.toUpperCase()}`,
      soft: limitValue(soft),
      hard: limitValue(hard),
    })),
    // sudo and su in RUN need it, and BuildKit leaves it so.
    noNewPrivileges: false,
  };
}

const NO_LIMIT = 'no limit';

function limitValue(value: number): number | string {
  return value === -1 ? NO_LIMIT : value;
}

/** The text of a configuration. RLIM_INFINITY is a number that JavaScript does not have. */
export function runtimeSpecText(config: object): string {
  return JSON.stringify(config).replace(
    /"(soft|hard)":"no limit"/g,
    (_, name: string) => `"${name}":18446744073709551615`,
  );
}

/**
 * The limits of a step: what the user asked for, and no core files, which could hold secrets, unless the
 * step itself asks for them. With BuildKit it may, up to the limit of the builder.
 */
export function limitsOf(spec: SandboxSpec, hardCoreLimit: number): readonly ResourceLimit[] {
  const asked = spec.rlimits ?? [];
  return asked.some(({ name }) => name === 'core')
    ? asked
    : [{ name: 'core', soft: 0, hard: hardCoreLimit }, ...asked];
}

/** The capability mask of a step as the kernel shows it. */
export const STEP_CAPABILITY_MASK: bigint = capabilityMask(DEFAULT_CAPABILITIES);

function systemMounts(spec: SandboxSpec, host: RuntimeSpecHost): object[] {
  const options = ['nosuid', 'noexec', 'nodev'];
  return [
    { destination: '/proc', type: 'proc', source: 'proc', options },
    {
      destination: '/dev',
      type: 'tmpfs',
      source: 'tmpfs',
      options: ['nosuid', 'strictatime', 'mode=755', `size=${DEV_TMPFS_BYTES / 1024}k`],
    },
    {
      destination: '/dev/pts',
      type: 'devpts',
      source: 'devpts',
      options: [
        'nosuid',
        'noexec',
        'newinstance',
        'ptmxmode=0666',
        'mode=0620',
        ...(host.hasTtyGroup ? ['gid=5'] : []),
      ],
    },
    {
      destination: '/dev/shm',
      type: 'tmpfs',
      source: 'shm',
      options: [...options, 'mode=1777', `size=${spec.shmBytes}`],
    },
    { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options },
    sysMount(spec, host),
    ...(host.cgroupsPath !== undefined
      ? [
          {
            destination: '/sys/fs/cgroup',
            type: 'cgroup',
            source: 'cgroup',
            options: [...options, 'relatime', ...readonlyUnlessInsecure(spec)],
          },
        ]
      : []),
  ];
}

function sysMount(spec: SandboxSpec, host: RuntimeSpecHost): object {
  const options = ['nosuid', 'noexec', 'nodev', ...readonlyUnlessInsecure(spec)];
  // The kernel shows a sysfs only to who owns the network namespace it is of.
  return host.isUserNamespace && spec.network.kind !== 'none'
    ? { destination: '/sys', type: 'bind', source: '/sys', options: ['rbind', ...options] }
    : { destination: '/sys', type: 'sysfs', source: 'sysfs', options };
}

function mountSpec(mount: SandboxMount): object {
  if (mount.type === 'bind') {
    return {
      destination: mount.target,
      type: 'bind',
      source: mount.source,
      options: [
        'rbind',
        'rprivate',
        mount.isReadonly ? 'ro' : 'rw',
        ...(mount.devicePermissions === undefined ? ['nodev'] : []),
        ...(mount.without ?? []).map((feature) => `no${feature}`),
      ],
    };
  }
  return {
    destination: mount.target,
    type: 'tmpfs',
    source: 'tmpfs',
    options: [
      'nosuid',
      'nodev',
      `mode=${mount.mode.toString(8)}`,
      ...(mount.sizeBytes === undefined ? [] : [`size=${mount.sizeBytes}`]),
    ],
  };
}

function networkNamespace(spec: SandboxSpec): object[] {
  switch (spec.network.kind) {
    case 'host':
      return [];
    case 'none':
      return [{ type: 'network' }];
    case 'namespace':
      return [{ type: 'network', path: spec.network.path }];
    default:
      return spec.network satisfies never;
  }
}

function readonlyUnlessInsecure(spec: SandboxSpec): readonly string[] {
  return spec.isInsecure === true ? [] : ['ro'];
}

/**
 * The device nodes of this host that a step gets with `--security=insecure`: what mounting images and
 * FUSE file systems needs, as in BuildKit. Empty for all other steps.
 */
export function insecureDevices(spec: SandboxSpec): readonly string[] {
  if (spec.isInsecure !== true) return [];
  return INSECURE_DEVICES.filter((device) => existsSync(device));
}

const INSECURE_DEVICES = [
  '/dev/fuse',
  '/dev/loop-control',
  ...[0, 1, 2, 3, 4, 5, 6, 7].map((number) => `/dev/loop${number}`),
];

function deviceMount(device: string): object {
  return { destination: device, type: 'bind', source: device, options: ['bind', 'rprivate'] };
}

function deviceRules(spec: SandboxSpec): readonly object[] {
  if (spec.isInsecure === true) return [{ allow: true, access: 'rwm' }];
  return [...DEVICE_RULES, ...spec.mounts.flatMap(deviceRule)];
}

function deviceRule(mount: SandboxMount): object[] {
  if (mount.type !== 'bind' || mount.devicePermissions === undefined) return [];
  const stats = statSync(mount.source);
  const type = stats.isBlockDevice() ? 'b' : 'c';
  const [major, minor] = deviceNumbers(stats.rdev);
  return [{ allow: true, type, major, minor, access: mount.devicePermissions }];
}

/** The two numbers in a `dev_t` of Linux, as glibc's `major` and `minor` take them out. */
export function deviceNumbers(rdev: number): [major: number, minor: number] {
  const device = BigInt(rdev);
  const major = ((device >> 8n) & 0xfffn) | ((device >> 32n) & ~0xfffn);
  const minor = (device & 0xffn) | ((device >> 12n) & ~0xffn);
  return [Number(major & 0xffff_ffffn), Number(minor & 0xffff_ffffn)];
}

/** Device nodes may be made, but only the harmless ones opened (Docker's list). Needs a device cgroup. */
const DEVICE_RULES: readonly object[] = [
  { allow: false, access: 'rwm' },
  { allow: true, type: 'c', access: 'm' },
  { allow: true, type: 'b', access: 'm' },
  ...[
    [1, 3],
    [1, 5],
    [1, 7],
    [1, 8],
    [1, 9],
    [5, 0],
    [5, 2],
  ].map(([major, minor]) => ({ allow: true, type: 'c', major, minor, access: 'rwm' })),
];
