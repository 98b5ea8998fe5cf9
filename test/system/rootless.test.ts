import { chownSync, mkdirSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openRig, type CommandResult, type Rig } from '../support/cli.ts';
import { installProgram } from '../support/installed-program.ts';
import { makeOrdinaryUser, type OrdinaryUser } from '../support/ordinary-user.ts';
import { startBaseRegistry, type RegistryServer } from '../support/registry-server.ts';

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
  let registry: RegistryServer;
  let rig: Rig;
  let user: OrdinaryUser;
  let program: string;

  beforeAll(async () => {
    registry = await startBaseRegistry(['busybox:latest']);
    rig = openRig({ mirror: registry.url });
    const home = join(rig.dir, 'home');
    user = makeOrdinaryUser(home);
    for (const dir of [home, rig.dir]) chownSync(dir, user.uid, user.uid);
    program = installProgram(join(rig.dir, 'installed'));
  });

  afterAll(async () => {
    await rig[Symbol.asyncDispose]();
    user[Symbol.dispose]();
    await registry[Symbol.asyncDispose]();
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
