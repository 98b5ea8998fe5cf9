import { chownSync, mkdirSync, readdirSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBaseRig, type BaseRig } from '../support/base-rig.ts';
import type { CommandResult } from '../support/cli.ts';
import { installProgram } from '../support/installed-program.ts';
import { makeOrdinaryUser, type OrdinaryUser } from '../support/ordinary-user.ts';

const DOCKERFILE = `FROM busybox AS builder
RUN echo built > /out.txt && chown 7:8 /out.txt
USER 1234
RUN id -u > /tmp/uid.txt
FROM scratch
COPY --from=busybox /bin /bin
COPY --from=builder /out.txt /tmp/uid.txt /
CMD ["sh", "-c", "cat /out.txt /uid.txt; stat -c %u:%g /out.txt"]
`;

// Only root can make a user for the test; an ordinary user runs all other system tests rootless.
describe.skipIf(process.getuid?.() !== 0)('An ordinary user', () => {
  let rig: BaseRig;
  let user: OrdinaryUser;
  let program: string;

  beforeAll(async () => {
    rig = await openBaseRig();
    const home = join(rig.dir, 'home');
    user = makeOrdinaryUser(home);
    for (const dir of [home, rig.dir]) chownSync(dir, user.uid, user.uid);
    program = installProgram(join(rig.dir, 'installed'));
  });

  afterAll(async () => {
    await rig[Symbol.asyncDispose]();
    user[Symbol.dispose]();
  });

  function asUser(words: readonly string[]): Promise<CommandResult> {
    const [first, ...rest] = user.prefix;
    return rig.run([...rest, program, ...words], { program: first });
  }

  test.each(['auto', 'oci'])('builds with --isolation %s and runs it', async (isolation) => {
    const context = rig.context({ Dockerfile: DOCKERFILE });
    const words = ['build', '--no-cache', '--isolation', isolation, '-t', 'mine', context];
    const built = await asUser(words);
    expect(built.status, built.stderr).toBe(0);
    const ran = await asUser(['run', '--rm', 'mine']);
    expect(ran).toMatchObject({ status: 0, stdout: 'built\n1234\n7:8\n' });
    await rig.assertNothingLeft();
  });

  test('writes files of an output as the user', async () => {
    const context = rig.context({ Dockerfile: 'FROM scratch\nCOPY file /\n', file: 'x' });
    const out = join(rig.dir, 'home/out');
    const built = await asUser(['build', '-o', out, context]);
    expect(built.status, built.stderr).toBe(0);
    expect(readdirSync(out)).toEqual(['file']);
    expect(statSync(join(out, 'file')).uid).toBe(user.uid);
  });

  test('without subordinate ids builds what belongs to root, and is told what does not', async () => {
    const home = join(rig.dir, 'single');
    using single = makeOrdinaryUser(home, { hasSubordinateIds: false });
    mkdirSync(home);
    chownSync(home, single.uid, single.uid);
    const build = (Dockerfile: string): Promise<CommandResult> => {
      const [first, ...rest] = single.prefix;
      const words = ['build', '--progress=plain', '--no-cache', '--root', join(home, 'store')];
      const context = rig.context({ Dockerfile });
      return rig.run([...rest, program, ...words, context], {
        program: first,
        env: { HOME: home },
      });
    };
    const built = await build(`FROM busybox
RUN env | grep -c APT || true
RUN touch /file && chown 0:0 /file && printf '#!/bin/sh\\ncat "$APT_CONFIG"' > /usr/bin/apt-get
RUN chmod +x /usr/bin/apt-get
RUN apt-get
`);
    expect(built.status, built.stderr).toBe(0);
    expect(built.stderr).toMatch(/^#\d+ \S+ APT::Sandbox::User "root";$/m);
    expect(built.stderr).toMatch(/^#\d+ \S+ 0$/m);
    const chown = await build('FROM busybox\nRUN chown 7:8 /bin/sh\n');
    expect(chown.status).toBe(4);
    expect(chown.stderr).toContain(
      '  hint: This user has a single id, so steps cannot use others: install uidmap and give the user a range in /etc/subuid and /etc/subgid\n',
    );
    const user = await build('FROM busybox\nUSER 1234\nRUN true\n');
    expect(user.status).toBe(4);
    expect(user.stderr).toContain(
      'error[SANDBOX_START]: Cannot start the process as user 1234: this build has no such id\n',
    );
  });

  test('publishes a port of a container, with or without a way out', async () => {
    const context = rig.context({
      Dockerfile: `FROM busybox
COPY index.html /www/
CMD ["httpd", "-f", "-p", "8080", "-h", "/www"]
`,
      'index.html': 'served',
    });
    const built = await asUser(['build', '-t', 'web', context]);
    expect(built.status, built.stderr).toBe(0);
    // Without the programs that could carry traffic, but with those that a user needs.
    const bare = join(rig.dir, 'bare');
    mkdirSync(bare);
    for (const name of ['newuidmap', 'newgidmap', 'unshare', 'true']) {
      symlinkSync(join('/usr/bin', name), join(bare, name));
    }
    for (const path of [process.env['PATH'] ?? '', bare]) {
      const [first, ...rest] = user.prefix;
      const words = [...rest, 'env', `PATH=${path}`, process.execPath, program];
      const started = await rig.run([...words, 'run', '-d', '-p', '127.0.0.1::8080', 'web'], {
        program: first,
      });
      expect(started.status, started.stderr).toBe(0);
      const id = started.stdout.trim();
      const { stdout: ports } = await asUser(['ps', '--format', '{{.Ports}}']);
      const port = /^127\.0\.0\.1:(\d+)->8080\/tcp\n$/.exec(ports)?.[1];
      const answer = await fetch(`http://127.0.0.1:${String(port)}/`);
      expect(await answer.text()).toBe('served');
      const removed = await asUser(['rm', '-f', id]);
      expect(removed.status, removed.stderr).toBe(0);
    }
    await rig.assertNothingLeft();
  });

  test('keeps the store where others cannot write', async () => {
    expect(statSync(rig.root).uid).toBe(user.uid);
    expect(statSync(rig.root).mode & 0o022).toBe(0);
    const other = join(rig.dir, 'foreign');
    mkdirSync(other, { mode: 0o777 });
    const context = rig.context({ Dockerfile: 'FROM scratch\nCOPY file /\n', file: 'x' });
    const { status, stderr } = await asUser(['build', '--root', other, context]);
    expect(status, stderr).toBe(6);
    expect(stderr).toContain('error[STORE_UNUSABLE]');
  });
});
