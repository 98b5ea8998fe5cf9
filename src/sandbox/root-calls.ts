import { existsSync, statSync } from 'node:fs';
import path from 'node:path';
import { MS } from '../host/mount.ts';
import type { HostFacts } from './host-facts.ts';
import type { LaunchProgram } from './launcher/program.ts';
import { DEV_TMPFS_BYTES, insecureDevices, MASKED_PATHS, READONLY_PATHS } from './runtime-spec.ts';
import type { SandboxMount, SandboxSpec } from './sandbox.ts';

/**
 * `/proc` of a step: of its own processes, or that of the surrounding container, in which a step sees the
 * others' names and command lines. The kernel allows only the latter where parts of `/proc` are
 * covered, as in every ordinary container (mount_too_revealing in fs/namespace.c).
 */
export type ProcView = 'own' | 'surrounding';

/**
 * Adds the calls that make a step's file system what it sees, in this order: its root with the kernel's
 * views, `spec.mounts`, the host out of reach, kernel files hidden. All names but those of the host
 * are resolved after the change of root, so links in the image can lead nowhere but into the image.
 */
export function addRootCalls(
  program: LaunchProgram,
  spec: SandboxSpec,
  host: HostFacts,
  terminal: string | undefined,
  procView: ProcView,
): void {
  enterRoot(program, spec);
  mountProc(program, procView);
  mountKernelViews(program, spec, host);
  if (terminal !== undefined) addConsole(program, terminal);
  spec.mounts.forEach((mount, index) => {
    makePlace(program, mount, spec.mounts.slice(0, index));
    addMount(program, mount);
  });
  leaveHost(program);
  if (spec.isInsecure !== true) hideKernelFiles(program);
}

/** Where the host is still to be seen until the binds are made; `/dev` is a tmpfs of ours by then. */
const HOST = '/dev/.host';

const AT_FDCWD = -100;
const AT_RECURSIVE = 0x8000;
const MNT_DETACH = 2;
const S_IFREG = 0o100000;

const SECURE = MS.NOSUID | MS.NODEV | MS.NOEXEC;

/** Makes `rootfs` the root, with the old one below HOST. */
function enterRoot(program: LaunchProgram, { rootfs, isInsecure }: SandboxSpec): void {
  // Device nodes that a step makes must not open the host's disks; CAP_MKNOD is one of the 14.
  const noDevices = isInsecure === true ? 0 : MOUNT_ATTR.NODEV;
  program.call('mount', ['none', '/', 0, MS.REC | MS.PRIVATE, 0], 'making mounts private');
  program.call('mount', [rootfs, rootfs, 0, MS.BIND | MS.REC, 0], 'preparing the root');
  setAttributes(program, rootfs, noDevices, 'switching device nodes off');
  const dev = path.join(rootfs, 'dev');
  const options = `mode=755,size=${DEV_TMPFS_BYTES}`;
  program.call('umask', [0], 'setting the umask');
  const devFlags = MS.NOSUID | (isInsecure === true ? 0 : MS.NODEV);
  program.call('mount', ['tmpfs', dev, 'tmpfs', devFlags, options], 'mounting /dev');
  program.call(
    'mkdirat',
    [AT_FDCWD, path.join(rootfs, HOST), 0o700],
    'preparing the change of root',
  );
  program.call('pivot_root', [rootfs, path.join(rootfs, HOST)], 'changing the root');
  program.call('chdir', ['/'], 'entering the root');
}

/** Nodes are bound from the host, as `/dev` refuses to open nodes that are made in it. */
const DEVICES = ['null', 'zero', 'full', 'random', 'urandom', 'tty'];

/** `core` only where the kernel has what it leads to, as with runc. */
const DEVICE_LINKS: readonly (readonly [name: string, target: string])[] = [
  ['fd', '/proc/self/fd'],
  ['stdin', '/proc/self/fd/0'],
  ['stdout', '/proc/self/fd/1'],
  ['stderr', '/proc/self/fd/2'],
  ['core', '/proc/kcore'],
  ['ptmx', 'pts/ptmx'],
];

/** What goes wrong where the kernel refuses a new view; `probeNamespaces` knows it by that. */
export const MOUNTING_PROC = 'mounting /proc';

function mountProc(program: LaunchProgram, view: ProcView): void {
  if (view === 'own') {
    program.call('mount', ['proc', '/proc', 'proc', SECURE, 0], MOUNTING_PROC);
    return;
  }
  program.call('mount', [`${HOST}/proc`, '/proc', 0, MS.BIND | MS.REC, 0], 'binding /proc');
  const flags = MOUNT_ATTR.NOSUID | MOUNT_ATTR.NODEV | MOUNT_ATTR.NOEXEC;
  setAttributes(program, '/proc', flags, 'protecting /proc');
}

function mountKernelViews(program: LaunchProgram, spec: SandboxSpec, host: HostFacts): void {
  const isInsecure = spec.isInsecure === true;
  if (host.isUserNamespace && spec.network.kind !== 'none') {
    // The kernel shows a sysfs only to who owns the network namespace it is of.
    program.call('mount', [`${HOST}/sys`, '/sys', 0, MS.BIND | MS.REC, 0], 'binding /sys');
    const flags = MOUNT_ATTR.NOSUID | MOUNT_ATTR.NODEV | MOUNT_ATTR.NOEXEC;
    const readonly = isInsecure ? 0 : MOUNT_ATTR.RDONLY;
    setAttributes(program, '/sys', flags | readonly, 'protecting /sys');
  } else {
    const flags = SECURE | (isInsecure ? 0 : MS.RDONLY);
    program.call('mount', ['sysfs', '/sys', 'sysfs', flags, 0], 'mounting /sys');
    if (host.hasCgroupV2) {
      const target = '/sys/fs/cgroup';
      const args = ['cgroup2', target, 'cgroup2', flags, 0];
      program.tryCall('mount', args, 'mounting cgroups');
    }
  }
  for (const target of [...DEVICES.map((name) => `/dev/${name}`), ...insecureDevices(spec)]) {
    program.call('mknodat', [AT_FDCWD, target, S_IFREG | 0o666, 0], `making ${target}`);
    program.call('mount', [`${HOST}${target}`, target, 0, MS.BIND, 0], `binding ${target}`);
  }
  for (const [name, target] of DEVICE_LINKS) {
    if (name === 'core' && !existsSync(target)) continue;
    program.call('symlinkat', [target, AT_FDCWD, `/dev/${name}`], `making /dev/${name}`);
  }
  for (const name of ['pts', 'shm', 'mqueue']) {
    program.call('mkdirat', [AT_FDCWD, `/dev/${name}`, 0o755], `making /dev/${name}`);
  }
  const ptsOptions = `newinstance,ptmxmode=0666,mode=0620${host.hasTtyGroup ? ',gid=5' : ''}`;
  const quiet = MS.NOSUID | MS.NOEXEC;
  program.call('mount', ['devpts', '/dev/pts', 'devpts', quiet, ptsOptions], 'mounting /dev/pts');
  const shmOptions = `mode=1777,size=${spec.shmBytes}`;
  program.call('mount', ['shm', '/dev/shm', 'tmpfs', SECURE, shmOptions], 'mounting /dev/shm');
  program.call('mount', ['mqueue', '/dev/mqueue', 'mqueue', SECURE, 0], 'mounting /dev/mqueue');
}

/**
 * Shows the step's terminal as `/dev/console`, as runtimes do: it is one of the host's, so `/dev/pts` of
 * the step has no name for it, and programs ask for one (ttyname(3)).
 */
function addConsole(program: LaunchProgram, terminal: string): void {
  const target = '/dev/console';
  program.call('mknodat', [AT_FDCWD, target, S_IFREG | 0o600, 0], `making ${target}`);
  program.tryCall('mount', [`${HOST}${terminal}`, target, 0, MS.BIND, 0], `binding ${target}`);
}

function addMount(program: LaunchProgram, mount: SandboxMount): void {
  const about = `mounting "${mount.target}"`;
  if (mount.type === 'bind') {
    const flags = MS.BIND | MS.REC;
    program.call('mount', [`${HOST}${mount.source}`, mount.target, 0, flags, 0], about);
    const readonly = mount.isReadonly ? MOUNT_ATTR.RDONLY : 0;
    const noDevices = mount.devicePermissions === undefined ? MOUNT_ATTR.NODEV : 0;
    const without = (mount.without ?? []).reduce((flags, each) => flags | WITHOUT[each], 0);
    setAttributes(program, mount.target, readonly | noDevices | without, about);
    return;
  }
  const size = mount.sizeBytes === undefined ? '' : `,size=${mount.sizeBytes}`;
  const options = `mode=${mount.mode.toString(8)}${size}`;
  // Compilers and test runners start what they put into a temporary directory.
  program.call('mount', ['tmpfs', mount.target, 'tmpfs', MS.NOSUID | MS.NODEV, options], about);
}

/**
 * Makes the place of a mount that lies inside of an earlier one, or in `/dev`, which is a tmpfs of this
 * step's own: the place that was prepared in the root is hidden by then. It may be there already.
 */
function makePlace(
  program: LaunchProgram,
  mount: SandboxMount,
  earlier: readonly SandboxMount[],
): void {
  const { target } = mount;
  const covers = ['/dev', ...earlier.map((each) => each.target)].filter((cover) =>
    target.startsWith(`${cover}/`),
  );
  if (covers.length === 0) return;
  const about = `making the place of "${target}"`;
  const hidden = Math.max(...covers.map((cover) => cover.length));
  for (let end = target.indexOf('/', hidden + 1); end !== -1; end = target.indexOf('/', end + 1)) {
    program.tryCall('mkdirat', [AT_FDCWD, target.slice(0, end), 0o755], about);
  }
  const isFile = mount.type === 'bind' && !statSync(mount.source).isDirectory();
  if (isFile) program.tryCall('mknodat', [AT_FDCWD, target, S_IFREG | 0o644, 0], about);
  else program.tryCall('mkdirat', [AT_FDCWD, target, 0o755], about);
}

function leaveHost(program: LaunchProgram): void {
  program.call('umount2', [HOST, MNT_DETACH], 'leaving the host');
  const AT_REMOVEDIR = 0x200;
  program.call('unlinkat', [AT_FDCWD, HOST, AT_REMOVEDIR], 'leaving the host');
}

/** The same kernel shows the same files here and there, so this process can tell what exists. */
function hideKernelFiles(program: LaunchProgram): void {
  for (const file of READONLY_PATHS.filter((name) => existsSync(name))) {
    program.call('mount', [file, file, 0, MS.BIND | MS.REC, 0], `protecting ${file}`);
    setAttributes(program, file, MOUNT_ATTR.RDONLY, `protecting ${file}`);
  }
  for (const file of MASKED_PATHS) {
    const stats = statSync(file, { throwIfNoEntry: false });
    if (stats === undefined) continue;
    const args = stats.isDirectory()
      ? ['tmpfs', file, 'tmpfs', MS.RDONLY | SECURE, 0]
      : ['/dev/null', file, 0, MS.BIND, 0];
    program.call('mount', args, `masking ${file}`);
  }
}

/** linux/mount.h. */
const MOUNT_ATTR = { RDONLY: 1, NOSUID: 2, NODEV: 4, NOEXEC: 8 } as const;
const WITHOUT = { suid: MOUNT_ATTR.NOSUID, exec: MOUNT_ATTR.NOEXEC } as const;

/** Adds flags to a mount and those below it, and takes none away, which user namespaces would not allow. */
function setAttributes(program: LaunchProgram, target: string, flags: number, about: string): void {
  const attributes = { words: [flags, 0, 0, 0] };
  program.call('mount_setattr', [AT_FDCWD, target, AT_RECURSIVE, attributes, 32], about);
}
