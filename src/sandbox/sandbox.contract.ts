import {
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { declareNative } from '../host/ffi.ts';
import { DEFAULT_CAPABILITIES, capabilityMask } from './capabilities.ts';
import { LaunchProgram } from './launcher/program.ts';
import { launcherArchitecture } from './launcher/start.ts';
import { prepareRoot } from './mount-targets.ts';
import { REFUSED_CALLS } from './refused-calls.fixture.ts';
import { sandboxLifeContract } from './sandbox-life.contract.ts';
import { canRunSteps, cgroupsLeft, SandboxRig } from './sandbox-rig.fixture.ts';
import { MASKED_PATHS, READONLY_PATHS } from './runtime-spec.ts';
import { DATA_ONLY, exitStatusOf, type Sandbox } from './sandbox.ts';

/** The promises of Sandbox, as tests. Run by every implementation with its own factory. */
export function sandboxContract(name: string, open: () => Promise<Sandbox>): void {
  describe.skipIf(!canRunSteps)(`${name} is a Sandbox`, () => {
    let opened: SandboxRig;
    const rig = (): SandboxRig => opened;
    beforeAll(async () => {
      opened = new SandboxRig(await open());
    });
    afterAll(() => {
      opened.close();
    });

    test('tells its output streams apart and reports its status', async () => {
      expect(await rig().shell('echo out; echo err >&2; exit 3')).toEqual({
        exit: { kind: 'exited', status: 3 },
        stdout: 'out\n',
        stderr: 'err\n',
      });
    });

    test('reports a process that a signal killed as a shell would', async () => {
      const { exit } = await rig().shell('sh -c "kill -KILL \\$\\$"; exit $?');
      expect(exitStatusOf(exit)).toBe(137);
    });

    test('F05 gives exactly the environment of the spec', async () => {
      vi.stubEnv('HOST_CANARY', 'leaked');
      const { stdout } = await rig().run(['env']);
      expect(stdout.trim().split('\n').sort()).toEqual(['HOME=/root', 'PATH=/bin']);
      const { stdout: first } = await rig().shell('cat /proc/1/environ');
      expect(first).not.toContain('CANARY');
      vi.unstubAllEnvs();
    });

    test('E02 passes no descriptor but the standard three', async () => {
      const dup = declareNative('dup', ['int']);
      const opened = openSync('/etc/hostname', 'r');
      // A copy without close-on-exec, as a careless parent process leaves it.
      const inherited = dup(undefined, [opened]);
      const { stdout } = await rig().shell('exec ls /proc/self/fd');
      closeSync(inherited);
      closeSync(opened);
      // The fourth is the directory that ls reads.
      expect(stdout.trim().split(/\s+/)).toEqual(['0', '1', '2', '3']);
    });

    test('has an empty standard input, and streams that can be opened again', async () => {
      const script = 'wc -c; echo again > /dev/stdout; echo wrong > /dev/stderr';
      const { stdout, stderr } = await rig().shell(script);
      expect([stdout, stderr]).toEqual(['0\nagain\n', 'wrong\n']);
    });

    test('E09 is process 1, sees no other process and has the hostname of the spec', async () => {
      const { stdout } = await rig().shell('echo $$; ls /proc | grep -c "^[0-9]"; hostname; umask');
      const [pid, processes, hostname, umask] = stdout.split('\n');
      expect([pid, hostname, umask]).toEqual(['1', 'step', '0022']);
      expect(Number(processes)).toBeLessThanOrEqual(3);
    });

    test('F03 runs as the user and with exactly the groups of the spec', async () => {
      const user = { uid: 1000, gid: 1001, groups: [1001, 50], home: '/home' };
      const { stdout } = await rig().shell(
        'id -u; id -g; id -G; grep -E "Cap(Eff|Prm)" /proc/self/status',
        {
          user,
        },
      );
      expect(stdout.replace(/\s+/g, ' ').trim()).toBe(
        '1000 1001 1001 50 CapPrm: 0000000000000000 CapEff: 0000000000000000',
      );
      const again = await rig().shell('echo x > /dev/stdout', { user });
      expect(again.stdout).toBe('x\n');
      expect(statSync('/dev/null')).toMatchObject({ uid: 0, gid: 0 });
    });

    test('starts in a directory that its user could not enter', async () => {
      const workdir = path.join(rig().rootfs, 'home/closed');
      mkdirSync(workdir, { mode: 0o700 });
      const user = { uid: 1000, gid: 1000, groups: [1000], home: '/' };
      const { exit } = await rig().run(['true'], { cwd: '/home/closed', user });
      expect(exit).toEqual({ kind: 'exited', status: 0 });
    });

    test('F04 has the 14 capabilities, none inheritable, and a system call filter', async () => {
      const { stdout } = await rig().shell(
        'grep -E "^(Cap|Seccomp:|NoNewPrivs)" /proc/self/status',
      );
      const fields = Object.fromEntries(
        stdout
          .trim()
          .split('\n')
          .map((line) => line.split(/:\s+/)),
      ) as Record<string, string>;
      const all = capabilityMask(DEFAULT_CAPABILITIES).toString(16).padStart(16, '0');
      const none = '0'.repeat(16);
      expect(fields).toEqual({
        CapInh: none,
        CapPrm: all,
        CapEff: all,
        CapBnd: all,
        CapAmb: none,
        NoNewPrivs: '0',
        Seccomp: '2',
      });
    });

    test('lifts every restriction for a step that may have all, and only then', async () => {
      const { stdout, exit } = await rig().shell(
        'grep -E "^(CapBnd|CapEff|CapInh|Seccomp:)" /proc/self/status | tr "\\n" " ";' +
          'mount -t tmpfs none /tmp && touch /tmp/x && umount /tmp; unshare -m true',
        { isInsecure: true },
      );
      const status = readFileSync('/proc/self/status', 'latin1');
      const all = /^CapBnd:\s*(\w+)$/m.exec(status)?.[1] ?? '';
      expect(exit).toEqual({ kind: 'exited', status: 0 });
      expect(stdout.replace(/\s+/g, ' ').trim()).toBe(
        `CapInh: ${'0'.repeat(16)} CapEff: ${all} CapBnd: ${all} Seccomp: 0`,
      );
    });

    test.each([
      ['unshare -m true'],
      ['unshare -U true'],
      ['mount -t tmpfs none /tmp'],
      ['umount /proc'],
      ['hostname other'],
      ['dmesg'],
      ['mknod /tmp/disk b 254 0 && head -c 1 /tmp/disk'],
      ['mknod /dev/disk b 254 0 && head -c 1 /dev/disk'],
      ['mknod /dev/mem c 1 1 && head -c 1 /dev/mem'],
      ['echo x > /proc/sys/kernel/hostname'],
      ['echo x > /proc/sysrq-trigger'],
      ['echo x > /sys/kernel/mm/ksm/run'],
      ['mknod /proc/x p'],
    ])('refuses %s', async (script) => {
      const { exit } = await rig().shell(`${script}; status=$?; rm -f /tmp/disk; exit $status`);
      expect(exitStatusOf(exit)).not.toBe(0);
    });

    test
      .runIf(launcherArchitecture(process.arch) !== undefined)
      .each(Object.entries(REFUSED_CALLS))(
      'refuses the system call %s',
      async (name, [args, answer]) => {
        const program = new LaunchProgram(launcherArchitecture(process.arch) ?? 'x64');
        program.expect(name, args, answer, 'being refused');
        program.call('exit_group', [0], 'ending');
        writeFileSync(path.join(rig().rootfs, 'bin/call'), program.build(), { mode: 0o755 });
        const { exit } = await rig().run(['/bin/call']);
        expect(exit).toEqual({ kind: 'exited', status: 0 });
      },
    );

    test('E05, E13 shows what is masked as empty and lets nothing that is read-only be written', async () => {
      for (const file of MASKED_PATHS.filter((masked) => existsSync(masked))) {
        const script = `if [ -d ${file} ]; then ls ${file}; else cat ${file}; fi`;
        expect([file, (await rig().shell(script)).stdout]).toEqual([file, '']);
      }
      const { stdout } = await rig().shell('grep -E "^[^ ]+ /proc/" /proc/mounts');
      for (const file of READONLY_PATHS.filter((protectedPath) => existsSync(protectedPath))) {
        expect(stdout).toMatch(new RegExp(` ${file} \\S+ ro,`));
      }
    });

    test('has the device nodes of Docker and no others', async () => {
      const { stdout } = await rig().shell('ls /dev; stat -c %t:%T /dev/null /dev/zero /dev/tty');
      // A link that crun makes where it leads nowhere, too.
      const hasCore = name === 'crun' || existsSync('/proc/kcore');
      expect(stdout.startsWith('core\n')).toBe(hasCore);
      const names = stdout
        .trim()
        .split('\n')
        .filter((line) => line !== 'core');
      expect(names.slice(0, -3)).toEqual(
        'fd full mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero'.split(' '),
      );
      expect(names.slice(-3)).toEqual(['1:3', '1:5', '5:0']);
      expect((await rig().shell('echo x > /dev/null && head -c 4 /dev/zero | wc -c')).stdout).toBe(
        '4\n',
      );
    });

    test('reaches no file of the host', async () => {
      const canary = mkdtempSync(path.join(tmpdir(), 'host-canary-'));
      const script = `ls -d ${canary} /proc/1/root${canary} /dev/.host 2>/dev/null; cat /proc/mounts`;
      const { stdout } = await rig().shell(script);
      rmSync(canary, { recursive: true });
      expect(stdout).not.toContain('canary');
      expect(stdout).not.toContain('.host');
      expect((await rig().shell('ls /')).stdout.trim().split('\n')).toEqual(
        'bin dev etc home proc sys tmp'.split(' '),
      );
    });

    test('mounts files and directories, read-only where asked, and tmpfs', async () => {
      const source = mkdtempSync(path.join(tmpdir(), 'bind-'));
      writeFileSync(path.join(source, 'file'), 'content', { mode: 0o755 });
      const targets = prepareRoot(rig().rootfs, { path: '/', uid: 0, gid: 0 }, [
        { path: '/mnt/ro', type: 'directory' },
        { path: '/mnt/rw', type: 'directory' },
        { path: '/mnt/file', type: 'file' },
        { path: '/mnt/data', type: 'file' },
        { path: '/mnt/tmp', type: 'directory', mode: 0o1777 },
      ]);
      const { stdout, exit } = await rig().shell(
        'cat /mnt/file; touch /mnt/rw/new && ! touch /mnt/ro/other && touch /mnt/tmp/x && stat -c %a /mnt/tmp; ' +
          'grep " /mnt/" /proc/mounts | cut -d " " -f 2,4; /mnt/data 2>/dev/null; echo $?',
        {
          mounts: [
            { type: 'bind', source, target: '/mnt/ro', isReadonly: true },
            { type: 'bind', source, target: '/mnt/rw', isReadonly: false },
            { type: 'bind', source: `${source}/file`, target: '/mnt/file', isReadonly: true },
            { type: 'tmpfs', target: '/mnt/tmp', sizeBytes: 65536, mode: 0o1777 },
            {
              ...{ type: 'bind', source: `${source}/file`, target: '/mnt/data' },
              ...{ isReadonly: true, without: DATA_ONLY },
            },
          ],
        },
      );
      targets.restore();
      const left = readdirSync(source);
      rmSync(source, { recursive: true });
      const lines = stdout.trim().split('\n');
      expect([lines[0], lines.at(-1), exit.kind]).toEqual(['content1777', '126', 'exited']);
      const known = /^(\/mnt.*|ro|rw|nosuid|nodev|noexec)$/;
      expect(
        lines.slice(1, -1).map((line) => line.split(/[ ,]/).filter((word) => known.test(word))),
      ).toEqual([
        ['/mnt/ro', 'ro', 'nodev'],
        ['/mnt/rw', 'rw', 'nodev'],
        ['/mnt/file', 'ro', 'nodev'],
        ['/mnt/tmp', 'rw', 'nosuid', 'nodev'],
        ['/mnt/data', 'ro', 'nosuid', 'nodev', 'noexec'],
      ]);
      expect(left).toEqual(['file', 'new']);
      expect(existsSync(path.join(rig().rootfs, 'mnt'))).toBe(false);
    });

    test('has only a loopback, which is up, without network', async () => {
      const { stdout } = await rig().shell('ls /sys/class/net; ip addr show lo', {
        network: { kind: 'none' },
      });
      expect(stdout.split('\n')[0]).toBe('lo');
      expect(stdout).toContain('127.0.0.1/8');
      expect(stdout).toMatch(/LOOPBACK,UP/);
    });

    test('sets the limits of the spec, and none but the step itself asks for core files', async () => {
      const rlimits = [
        { name: 'nofile', soft: 100, hard: 200 },
        { name: 'stack', soft: 1024 * 1024, hard: -1 },
      ] as const;
      const script =
        'ulimit -n; ulimit -H -n; ulimit -c; ulimit -s; ulimit -H -s; grep core /proc/self/limits';
      const { stdout } = await rig().shell(script, { rlimits });
      const own = readFileSync('/proc/self/limits', 'latin1');
      const hard = /^Max core file size +\S+ +(\S+)/m.exec(own)?.[1] ?? '';
      const core = `Max core file size 0 ${hard} bytes`;
      expect(stdout.replace(/ +/g, ' ').trim()).toBe(`100\n200\n0\n1024\nunlimited\n${core}`);
    });

    test('stops a fork bomb at the number of processes of the spec', async (context) => {
      const limits = { pids: 12 };
      context.skip(rig().sandbox.limitsProblem(limits) !== undefined, 'no cgroups here');
      const { stdout, stderr } = await rig().shell(
        'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15; do sleep 60 & echo $i; done; kill $(jobs -p)',
        { limits },
      );
      const started = stdout.trim().split('\n').length;
      expect([started < 13, stderr]).toEqual([true, expect.stringMatching(/can't fork/)]);
    });

    test('kills what takes more memory than the spec allows, and says why', async (context) => {
      const limits = { memoryBytes: 32 * 1024 * 1024 };
      context.skip(rig().sandbox.limitsProblem(limits) !== undefined, 'no cgroups here');
      const hog = 'dd if=/dev/zero of=/dev/null bs=128M count=1';
      const { exit } = await rig().shell(`${hog}; exit $?`, { limits });
      expect(exitStatusOf(exit)).toBe(137);
      expect(exit.isOutOfMemory).toBe(true);
      const small = await rig().shell('echo fits', { limits });
      expect([small.stdout, small.exit]).toEqual(['fits\n', { kind: 'exited', status: 0 }]);
      expect(cgroupsLeft()).toEqual([]);
    });

    sandboxLifeContract(name, rig);
  });
}
