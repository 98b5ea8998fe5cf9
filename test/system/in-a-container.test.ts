import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBaseRig, type BaseRig } from '../support/base-rig.ts';
import type { CommandResult } from '../support/cli.ts';
import { installProgram } from '../support/installed-program.ts';
import { PROGRAM } from '../support/program.ts';

const isRoot = process.getuid?.() === 0;

const DOCKERFILE = `FROM busybox AS build
RUN id -u > /ids && touch /mine && chown 7:8 /mine && stat -c %u:%g /mine >> /ids && test -e /proc/self/exe
FROM scratch
COPY --from=build /ids /mine /
`;
const COPIES = `FROM busybox AS build
COPY --chown=7:8 Dockerfile /d/
FROM scratch
COPY --from=build /d /
`;

/** What an ordinary container lets its root do: 14 capabilities, among them none to mount. */
const AS_CONTAINER_ROOT = [
  'setpriv',
  '--bounding-set=-all,+chown,+dac_override,+fsetid,+fowner,+mknod,+net_raw,+setgid,+setuid,+setfcap,+setpcap,+net_bind_service,+sys_chroot,+kill,+audit_write',
  '--inh-caps=-all',
  '--',
  PROGRAM,
];

describe.runIf(isRoot)('root of a container', () => {
  let rig: BaseRig;

  beforeAll(async () => {
    rig = await openBaseRig();
  });

  afterAll(async () => {
    await rig[Symbol.asyncDispose]();
  });

  /** Runs the program as root of a container, after `setup`, a shell script of the whole root. */
  function inContainer(setup: string, words: readonly string[]): Promise<CommandResult> {
    const script = `${setup}\nexec "$@"`;
    const args = ['--mount', '--', 'sh', '-euc', script, 'sh', ...AS_CONTAINER_ROOT, ...words];
    return rig.run(args, { program: 'unshare' });
  }

  async function idsOf(image: string): Promise<string> {
    const dest = `${rig.dir}/${image}`;
    const context = rig.context({ Dockerfile: `FROM ${image}\n` });
    const { status, stderr } = await rig.run(['build', '-o', dest, context]);
    expect(status, stderr).toBe(0);
    return execFileSync('sh', ['-c', `cat ${dest}/ids; stat -c %u:%g ${dest}/mine`]).toString();
  }

  test('that may make user namespaces runs steps with all ids', async () => {
    const context = rig.context({ Dockerfile: DOCKERFILE });
    const built = await inContainer('true', ['build', '-t', 'all-ids', context]);
    expect(built.status, built.stderr).toBe(0);
    expect(await idsOf('all-ids')).toBe('0\n7:8\n7:8\n');
    await rig.assertNothingLeft();
  });

  test('where parts of /proc are covered, lets steps have the /proc that is there, and says so', async () => {
    const context = rig.context({ Dockerfile: DOCKERFILE });
    const cover = 'mount --bind /dev/null /proc/swaps';
    const words = ['build', '--no-cache', '-t', 'covered', context];
    const built = await inContainer(cover, words);
    expect(built.status, built.stderr).toBe(0);
    expect(built.stderr).toContain(', /proc of the surrounding container');
    expect(await idsOf('covered')).toBe('0\n7:8\n7:8\n');
    const { stdout } = await inContainer(cover, ['info']);
    expect(stdout).toMatch(/namespaces \* .*\/proc of the surrounding container/);
  });

  test('keeps what its steps work in while builds outside come and go, which share /dev/shm', async () => {
    // What is remembered of this host would be wrong for the tests below.
    await using own = rig.elsewhere();
    // In the container the builder has a number that no process has outside.
    const pid = 31_000 + (process.pid % 1000);
    const numbered = `echo ${String(pid - 1)} > /proc/sys/kernel/ns_last_pid; "$@"; true`;
    const context = own.context({
      Dockerfile: 'FROM busybox\nRUN echo $((3 + 4))-ready; sleep 600\n',
    });
    const build = [PROGRAM, 'build', '--isolation=oci', context];
    const args = ['--pid', '--fork', '--kill-child', '--mount-proc', 'sh', '-c', numbered, 'sh'];
    const inside = own.start([...args, ...build], { program: 'unshare' });
    const inUse = (): string[] =>
      ['/run', '/dev/shm', tmpdir()]
        .flatMap((dir) => readdirSync(dir))
        .filter((name) => name.startsWith(`stagecraft-step.${String(pid)}-`));
    const buildOutside = async (): Promise<void> => {
      const other = own.context({ Dockerfile: 'FROM busybox\nRUN true\n' });
      const { status, stderr } = await own.run(['build', '--no-cache', other]);
      expect(status, stderr).toBe(0);
    };
    await inside.printed('7-ready');
    const before = inUse();
    expect(before).not.toEqual([]);
    await buildOutside();
    expect(inUse()).toEqual(before);
    inside.kill('SIGKILL');
    await inside.ended;
    await buildOutside();
    expect(inUse()).toEqual([]);
    await own.assertNothingLeft();
  });

  describe('that may make no namespaces', () => {
    // The kernel makes no user namespaces for who has changed its root (user_namespaces(7)).
    const inChroot = (
      words: readonly string[],
      program: readonly string[] = AS_CONTAINER_ROOT,
    ): Promise<CommandResult> => {
      const root = join(rig.dir, 'other-root');
      mkdirSync(root, { recursive: true });
      const script = `mount --rbind / "${root}"\nexec chroot "${root}" "$@"`;
      const args = ['--mount', '--', 'sh', '-euc', script, 'sh', ...program, ...words];
      return rig.run(args, { program: 'unshare' });
    };

    test('copies files', async () => {
      const context = rig.context({ Dockerfile: COPIES });
      const built = await inChroot(['build', '-t', 'copies', context]);
      expect(built.status, built.stderr).toBe(0);
    });

    test('is told what steps need', async () => {
      const context = rig.context({ Dockerfile: DOCKERFILE });
      const built = await inChroot(['build', '--no-cache', context]);
      expect(built.status, built.stderr).toBe(6);
      expect(built.stderr).toContain(
        'error[NO_SANDBOX]: Cannot run steps with isolation "auto": namespaces do not work here: making namespaces failed with EPERM',
      );
      expect(built.stderr).toMatch(/hint: (Allow user namespaces|Start this container|Give this)/);
      expect(built.stderr).not.toContain('This is a bug in Stagecraft');
    });

    test('and is no root gets an answer from info, and is told what builds need', async () => {
      const ids = ['--reuid=65534', '--regid=65534', '--clear-groups', '--inh-caps=-all'];
      const program = ['setpriv', ...ids, '--', installProgram(join(rig.dir, 'installed'))];
      const { status, stdout, stderr } = await inChroot(['info'], program);
      expect(status, stderr).toBe(0);
      expect(stdout).toMatch(/^Builds: Cannot build as an ordinary user: .*not permitted\n {2}\S/);
      expect(stdout).toMatch(/ {2}namespaces +namespaces do not work here: .*EPERM/);
      const context = rig.context({ Dockerfile: COPIES });
      const built = await inChroot(['build', context], program);
      expect(built.status).toBe(6);
      expect(built.stderr).toContain('error[USER_NAMESPACE_DENIED]: Cannot build as an ordinary');
    });

    test('gets an answer from info', async () => {
      const { status, stdout, stderr } = await inChroot(['info']);
      expect(status, stderr).toBe(0);
      expect(stdout).toContain("Network of steps: this host's: no namespaces may be made here");
    });
  });
});
