import { existsSync, readFileSync } from 'node:fs';
import { release } from 'node:os';
import path from 'node:path';
import { hostPlatform } from '../core/platform.ts';
import { runtimeDirectory } from '../host/runtime-directory.ts';
import { launcherArchitecture } from './launcher/start.ts';
import type { LauncherArchitecture } from './launcher/machine-code.ts';

/** What of this host decides how steps are isolated. Read once. */
export interface HostFacts {
  /** GOARCH. */
  readonly architecture: string;
  /** Undefined on processors the launcher has no machine code for. */
  readonly launcher: LauncherArchitecture | undefined;
  readonly kernel: string;
  /** Path of a user namespace that steps enter first; undefined: they stay in that of this process. */
  readonly userNamespace?: string | undefined;
  readonly uid: number;
  /** False when this process is in a user namespace that does not have all ids. */
  readonly isUserNamespace: boolean;
  /** Whether group 5 (tty) exists here. */
  readonly hasTtyGroup: boolean;
  /** False in a user namespace of a single id, where the kernel lets nobody change groups. */
  readonly canSetGroups: boolean;
  /** cgroup v1 with a v2 mount beside it, which older crun versions refuse. */
  readonly hasHybridCgroups: boolean;
  readonly hasCgroupV2: boolean;
  /** What the kernel allows this process, as text: any difference, and what worked may work no more. */
  readonly rights: string;
  /** The capabilities that this process may hand on, as a bit set. */
  readonly boundingCapabilities: bigint;
  /** How large a core file steps may ask for, in bytes; -1 is no limit. */
  readonly hardCoreLimit: number;
  /** Directory for what must not reach a disk: on a tmpfs where there is one. */
  readonly runtimeBase: string;
}

/** Reads the facts. `env` is this process's environment, for XDG_RUNTIME_DIR. */
export function readHostFacts(env: Readonly<Record<string, string | undefined>>): HostFacts {
  const status = readFileSync('/proc/self/status', 'latin1');
  return {
    architecture: hostPlatform(process.arch).architecture,
    launcher: launcherArchitecture(process.arch),
    kernel: release(),
    uid: process.getuid?.() ?? 0,
    isUserNamespace: !hasId('/proc/self/uid_map', LAST_ID),
    hasTtyGroup: hasId('/proc/self/gid_map', TTY_GROUP),
    canSetGroups: readFileSync('/proc/self/setgroups', 'latin1').trim() === 'allow',
    hasHybridCgroups: existsSync(path.join(UNIFIED, 'cgroup.procs')),
    hasCgroupV2: existsSync('/sys/fs/cgroup/cgroup.controllers'),
    rights: readRights(status),
    boundingCapabilities: boundingSet(status),
    hardCoreLimit: hardLimit('Max core file size'),
    runtimeBase: runtimeDirectory(env),
  };
}

/** Where hybrid hosts have their cgroup v2 tree. */
export const UNIFIED = '/sys/fs/cgroup/unified';

const LAST_ID = 4_294_967_294;
const TTY_GROUP = 5;

/**
 * Capabilities, system call filters, ids, the label of a security module, what hides parts of /proc (no other
 * one can be mounted then), and since when the kernel runs.
 */
function readRights(status: string): string {
  const lines = status.match(/^(?:Cap\w+|NoNewPrivs|Seccomp\w*):.*$/gm) ?? [];
  const files = ['/proc/self/attr/current', '/proc/self/uid_map', '/proc/self/gid_map', BOOT_ID];
  const hidden = readLine('/proc/self/mountinfo').match(/(?<= )\/proc\/\S+(?= )/g) ?? [];
  return [...lines, ...files.map(readLine), ...hidden].join(' ').replace(/\s+/g, ' ');
}

const BOOT_ID = '/proc/sys/kernel/random/boot_id';

function readLine(file: string): string {
  try {
    return readFileSync(file, 'latin1').trim();
  } catch {
    // A kernel without security modules has no labels.
    return '';
  }
}

function boundingSet(status: string): bigint {
  return BigInt(`0x${/^CapBnd:\s*([0-9a-f]+)$/m.exec(status)?.[1] ?? '0'}`);
}

/** A hard limit of this process; -1 is none. `name` as in /proc/self/limits (proc(5)). */
function hardLimit(name: string): number {
  const line = readLine('/proc/self/limits')
    .split('\n')
    .find((each) => each.startsWith(name));
  const value = line?.slice(name.length).trim().split(/\s+/)[1];
  return value === 'unlimited' ? -1 : Number(value ?? 0);
}

/** Whether a map of user_namespaces(7) covers an id. */
function hasId(file: string, id: number): boolean {
  return readFileSync(file, 'latin1')
    .split('\n')
    .map((line) => line.trim().split(/\s+/).map(Number))
    .some(([first = 0, , count = 0]) => id >= first && id < first + count);
}
