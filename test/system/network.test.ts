import { chownSync, existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBaseRig, type BaseRig } from '../support/base-rig.ts';
import type { CommandResult } from '../support/cli.ts';
import { startFarServer, type FarServer } from '../support/far-server.ts';
import { startFileServer, type FileServer } from '../support/file-server.ts';
import { installProgram } from '../support/installed-program.ts';
import { makeOrdinaryUser, type OrdinaryUser } from '../support/ordinary-user.ts';

/** Before a program: hides /dev/net/tun from it, or lets everybody open it. */
const WITHOUT_TUN = 'mount -t tmpfs none /dev/net && exec "$@"';
/** The same for slirp4netns, so that another program has to carry the traffic. */
const WITHOUT_SLIRP = 'mount --bind /dev/null /usr/bin/slirp4netns';
const WITH_OPEN_TUN = `mount -t tmpfs none /dev/net && mknod -m 666 /dev/net/tun c 10 200 && exec "$@"`;

// Another network with a cable to this one takes root.
describe.skipIf(process.getuid?.() !== 0)('The network of steps', () => {
  let rig: BaseRig;
  let near: FileServer;
  let far: FarServer;
  let user: OrdinaryUser;
  let program: string;

  beforeAll(async () => {
    near = await startFileServer({ '/': 'hello from here\n' });
    far = await startFarServer();
    rig = await openBaseRig();
    const home = join(rig.dir, 'home');
    user = makeOrdinaryUser(home);
    chownSync(home, user.uid, user.uid);
    program = installProgram(join(rig.dir, 'installed'));
  });

  afterAll(async () => {
    await rig[Symbol.asyncDispose]();
    user[Symbol.dispose]();
    await far[Symbol.asyncDispose]();
    await near[Symbol.asyncDispose]();
  });

  /**
   * Says what a step reaches: the service on loopback, by both of its names, and the one afar. The second
   * name is that of slirp4netns for this host, or the gateway, which pasta can map to it.
   */
  function dockerfile(second = '10.0.2.2'): string {
    const { port } = new URL(near.url);
    const ask = (words: string): string =>
      `(printf 'GET / HTTP/1.0\\r\\n\\r\\n' | timeout 4 nc -w 4 ${words} | grep -m 1 hello || echo nothing)`;
    return `FROM busybox
RUN ${ask(`127.0.0.1 ${port}`)}; ${ask(`${second} ${port}`)}; ${ask(`${far.address} 80`)}
RUN --network=none echo "only $(ls /sys/class/net)"
`;
  }

  async function build(...words: string[]): Promise<CommandResult> {
    const context = rig.context({ Dockerfile: dockerfile() });
    return rig.run(['build', '--no-cache', '--progress=plain', ...words, context]);
  }

  function outputOf({ status, stderr }: CommandResult): string[] {
    expect(status, stderr).toBe(0);
    const lines = stderr.split('\n').filter((line) => /^#\d+ \d+\.\d+ /.test(line));
    return lines
      .map((line) => line.replace(/^#\d+ \S+ /, ''))
      .filter((line) => !/^(nc:|Terminated$)/.test(line));
  }

  test.each(['namespaces', 'crun', 'runc'])(
    'leads outside and not to the loopback of this host, with %s',
    async (isolation) => {
      const built = await build('--isolation', isolation, '--hardened');
      expect(outputOf(built)).toEqual(['nothing', 'nothing', 'hello from afar', 'only lo']);
      await rig.assertNothingLeft();
    },
  );

  test('is the one of this host when the build says so', async () => {
    const [first, , third] = outputOf(await build('--network=host'));
    expect([first, third]).toEqual(['hello from here', 'hello from afar']);
  });

  test('is another one for each step at the same time, and the same for one after the other', async () => {
    const meet = (own: string, other: string): string =>
      `RUN --mount=type=cache,id=m,target=/m touch /m/${own}; until [ -e /m/${other} ]; do sleep 0.1; done; readlink /proc/self/ns/net`;
    const context = rig.context({
      Dockerfile: `FROM busybox AS one
${meet('one', 'two')}
RUN readlink /proc/self/ns/net
FROM busybox AS two
${meet('two', 'one')}
FROM scratch
COPY --from=one /bin/sh /one
COPY --from=two /bin/sh /two
`,
    });
    const built = await rig.run(['build', '--no-cache', '--progress=plain', context]);
    const names = outputOf(built).filter((line) => line.startsWith('net:'));
    expect(names).toHaveLength(3);
    expect(new Set(names).size).toBe(2);
  });

  test('is the one of an ordinary user, too, where /dev/net/tun is for all', async () => {
    const context = rig.context({ Dockerfile: dockerfile() });
    const words = ['build', '--progress=plain', '--hardened', '--root', join(rig.dir, 'home/s')];
    const built = await rig.run(
      ['-m', 'sh', '-c', WITH_OPEN_TUN, 'sh', ...user.prefix, program, ...words, context],
      { program: 'unshare' },
    );
    expect(outputOf(built)).toEqual(['nothing', 'nothing', 'hello from afar', 'only lo']);
    await rig.assertNothingLeft();
  });

  test.skipIf(!existsSync('/usr/bin/pasta'))(
    'leads through pasta where there is no slirp4netns, for root and an ordinary user',
    async () => {
      const gateway = "$(ip route | sed -n 's/default via \\([0-9.]*\\).*/\\1/p')";
      const context = rig.context({ Dockerfile: dockerfile(gateway) });
      // The one of Debian 12 does not tell its version, and is not trusted therefore.
      const bin = join(rig.dir, 'bin');
      mkdirSync(bin);
      const script =
        '[ "$1" != --version ] || exec echo pasta 2024_09_06; exec /usr/bin/pasta "$@"';
      writeFileSync(join(bin, 'pasta'), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
      const PATH = `${bin}:${rig.env['PATH'] ?? ''}`;
      const withPasta = (before: string, words: readonly string[]): Promise<CommandResult> =>
        rig.run(['-m', 'sh', '-c', `${WITHOUT_SLIRP} && ${before}`, 'sh', ...words], {
          program: 'unshare',
          env: { PATH },
        });
      const build = ['build', '--progress=plain', '--no-cache', '--hardened'];
      for (const isolation of ['namespaces', 'crun']) {
        const built = await withPasta('exec "$@"', [
          ...[program, ...build, '--isolation', isolation],
          context,
        ]);
        expect(outputOf(built)).toEqual(['nothing', 'nothing', 'hello from afar', 'only lo']);
      }
      const own = [...user.prefix, program, ...build, '--root', join(rig.dir, 'home/p'), context];
      expect(outputOf(await withPasta(WITH_OPEN_TUN, own))).toEqual([
        ...['nothing', 'nothing', 'hello from afar', 'only lo'],
      ]);
      const { stdout } = await withPasta('exec "$@"', [program, 'info']);
      expect(stdout).toContain('Network of steps: one of their own, through pasta\n');
      await rig.assertNothingLeft();
    },
    120_000,
  );

  test('is said to be that of this host where there is no other, or is an error', async () => {
    const context = rig.context({ Dockerfile: 'FROM busybox\nRUN true\n' });
    const withoutTun = (...words: string[]): Promise<CommandResult> =>
      rig.run(['-m', 'sh', '-c', WITHOUT_TUN, 'sh', program, ...words], { program: 'unshare' });
    const refused = await withoutTun('build', '--hardened', context);
    expect(refused.status).toBe(6);
    expect(refused.stderr).toContain(
      'error[NETWORK_NOT_ISOLATED]: Cannot give steps a network of their own: there is no /dev/net/tun\n',
    );
    expect(refused.stderr).toContain('  hint: As root: modprobe tun\n');
    const built = await withoutTun('build', context);
    expect(built.stderr).toContain(
      "Steps use this host's network: there is no /dev/net/tun (As root: modprobe tun)\n",
    );
    expect(built.status).toBe(0);
    const { stdout } = await withoutTun('info');
    expect(stdout).toContain(
      "Network of steps: this host's: there is no /dev/net/tun\n  As root: modprobe tun\n",
    );
    // Nothing runs, so there is nothing to isolate.
    expect(await withoutTun('build', '--hardened', context)).toMatchObject({ status: 0 });
  });
});
