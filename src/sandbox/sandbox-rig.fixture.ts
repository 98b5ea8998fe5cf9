import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { sweepCgroups } from './cgroups.ts';
import { readHostFacts } from './host-facts.ts';
import { prepareRoot } from './mount-targets.ts';
import type { ProcessExit, Sandbox, SandboxSpec } from './sandbox.ts';
import { sweepStepDirs } from './step-dir.ts';

/** Where the host has a static busybox. Tests that need it are skipped, visibly, without it. */
const BUSYBOX = '/usr/bin/busybox';

/** True where steps can be run for tests: as root, with something to run. */
export const canRunSteps: boolean = process.getuid?.() === 0 && existsSync(BUSYBOX);

/** A root file system below `parent`, with busybox under all its names and a user `app`. */
export function makeBusyboxRoot(parent: string = tmpdir()): string {
  const root = mkdtempSync(path.join(parent, 'sandbox-root-'));
  chmodSync(root, 0o755);
  for (const folder of ['bin', 'etc', 'tmp', 'home']) mkdirSync(path.join(root, folder));
  cpSync(BUSYBOX, path.join(root, 'bin/busybox'));
  const applets =
    'cat dd dmesg echo env false grep head hostname id ip kill ls mknod mount nc ps sh sleep';
  for (const name of `${applets} stat stty test touch true tty ulimit umount unshare wc`.split(
    ' ',
  )) {
    symlinkSync('busybox', path.join(root, 'bin', name));
  }
  writeFileSync(
    path.join(root, 'etc/passwd'),
    'root:x:0:0::/root:/bin/sh\napp:x:1000:1000::/home:/bin/sh\n',
  );
  return root;
}

/** What a process of a rig did. */
export interface RigExit {
  readonly exit: ProcessExit;
  readonly stdout: string;
  readonly stderr: string;
}

/** A sandbox, a root file system for it, and short ways to run something there. */
export class SandboxRig {
  readonly sandbox: Sandbox;
  readonly rootfs: string;
  readonly #signal = new AbortController().signal;
  #count = 0;

  constructor(sandbox: Sandbox) {
    this.sandbox = sandbox;
    this.rootfs = makeBusyboxRoot();
    prepareRoot(this.rootfs, { path: '/', uid: 0, gid: 0 }, []);
  }

  /** Also of what a builder left that was killed. */
  close(): void {
    rmSync(this.rootfs, { recursive: true, force: true });
    sweepCgroups();
    sweepStepDirs(readHostFacts(process.env).runtimeBase);
  }

  specOf(args: readonly string[], change: Partial<SandboxSpec> = {}): SandboxSpec {
    return {
      id: `test-${process.pid}-${this.#count++}`,
      rootfs: this.rootfs,
      args,
      env: ['PATH=/bin', 'HOME=/root'],
      cwd: '/',
      user: { uid: 0, gid: 0, groups: [0], home: '/root' },
      hostname: 'step',
      mounts: [],
      network: { kind: 'host' },
      shmBytes: 1024 * 1024,
      stopTimeoutMs: 5000,
      ...change,
    };
  }

  /** `onOutput` is told all that a stream has given so far. */
  async run(
    args: readonly string[],
    change: Partial<SandboxSpec> = {},
    onOutput: (text: string) => void = () => undefined,
    signal: AbortSignal = this.#signal,
  ): Promise<RigExit> {
    const chunks = { stdout: '', stderr: '' };
    const io = {
      kind: 'captured',
      onOutput: (stream: 'stdout' | 'stderr', bytes: Uint8Array) => {
        chunks[stream] += Buffer.from(bytes).toString('latin1');
        onOutput(chunks[stream]);
      },
    } as const;
    const exit = await this.sandbox.run(this.specOf(args, change), io, signal);
    return { exit, ...chunks };
  }

  shell(script: string, change?: Partial<SandboxSpec>): Promise<RigExit> {
    return this.run(['sh', '-c', script], change);
  }
}

/** Control groups that this process has made and left. */
export function cgroupsLeft(): string[] {
  const root = '/sys/fs/cgroup';
  const folders = ['', ...(existsSync(root) ? readdirSync(root) : [])];
  return folders
    .map((folder) => path.join(root, folder))
    .filter((folder) => existsSync(path.join(folder, 'cgroup.procs')))
    .flatMap((folder) => readdirSync(folder))
    .filter((entry) => entry.startsWith(`stagecraft-${process.pid}-`));
}
