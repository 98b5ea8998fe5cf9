import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBaseRig, type BaseRig } from '../support/base-rig.ts';

let rig: BaseRig;

beforeAll(async () => {
  rig = await openBaseRig();
});

afterAll(async () => {
  await rig[Symbol.asyncDispose]();
});

const TESTS = `FROM busybox
WORKDIR /app
ENV GREETING="hello there"
RUN mkdir reports && echo kept > before
USER 1000
RUN --mount=type=secret,id=token,target=/token,uid=1000 \\
    --mount=type=tmpfs,target=/tmp/reports \\
    echo '<testsuite failures="1"/>' > /tmp/junit.xml; echo '1 of 3 tests failed' >&2; exit 7
`;

describe('A step that fails', () => {
  test('hands out its reports, and tells command, status, last lines and place', async () => {
    const context = rig.context({
      Dockerfile:
        'FROM busybox\nWORKDIR /app\nRUN mkdir reports && ln -s /etc reports/link &&\\\n' +
        ' echo "<testsuite/>" > reports/junit.xml && echo one failed && exit 7\n',
    });
    const words = ['build', '--progress=plain', '--export-on-error', 'dest=out,path=reports'];
    const more = ['--export-on-error', 'dest=none,path=/nonesuch', context];
    const { status, stderr } = await rig.run([...words, ...more]);
    expect(status).toBe(4);
    expect(stderr).toContain('Saved "/app/reports" of the failed step in "out"');
    expect(stderr).toMatch(/Did not save "\/nonesuch" of the failed step: Cannot .*"\/nonesuch"/);
    expect(stderr).toMatch(/ > \[3\/3\] RUN mkdir reports[^\n]*\n[\d.]+ one failed\n/);
    expect(stderr).toContain('exit status 7\n  --> ');
    expect(stderr).toMatch(/Dockerfile:3:1\n/);
    expect(readdirSync(join(rig.dir, 'out')).sort()).toEqual(['junit.xml', 'link']);
    expect(readFileSync(join(rig.dir, 'out/junit.xml'), 'utf8')).toBe('<testsuite/>\n');
    expect(readlinkSync(join(rig.dir, 'out/link'))).toBe('/etc');
    expect(readdirSync(rig.dir)).not.toContain('none');
  });

  test.each(['namespaces', 'crun', 'runc'])(
    'can be looked at in a shell in its place (%s)',
    async (isolation) => {
      const context = rig.context({ Dockerfile: TESTS });
      const words = ['build', '--progress=plain', '--on-error=shell', '--isolation', isolation];
      const { status, stdout, stderr } = await rig.run(
        [...words, '--secret', 'id=token,env=TOKEN', context],
        {
          env: { TOKEN: 's3cret' },
          input: 'pwd; id -u; echo "$GREETING"; cat before /tmp/junit.xml /token; exit 5\n',
        },
      );
      expect(status, stderr).toBe(4);
      expect(stdout).toBe('/app\n1000\nhello there\nkept\n<testsuite failures="1"/>\ns3cret');
      expect(stderr).toContain('A shell in the place of this step (/bin/sh)');
      expect(stderr).toContain('exit status 7');
    },
  );

  test.each(['namespaces', 'crun', 'runc'])(
    'gets a shell of the host where the image has none (%s)',
    async (isolation) => {
      const context = rig.context({
        Dockerfile:
          'FROM scratch\nCOPY --from=busybox /bin/busybox /busybox\nRUN ["/busybox", "false"]\n',
      });
      const words = ['build', '--progress=plain', '--on-error=shell', '--isolation', isolation];
      const { status, stdout, stderr } = await rig.run([...words, context], {
        input: 'ls /; ls -d /dev/busybox*; exit\n',
      });
      expect(status, stderr).toBe(4);
      expect(stdout).toBe('busybox\ndev\netc\nproc\nsys\n/dev/busybox-stagecraft\n');
      expect(stderr).toMatch(/A shell in the place of this step \(\/.*busybox of this host\)/);
    },
  );

  test('is stopped when its time is up', async () => {
    const context = rig.context({ Dockerfile: 'FROM busybox\nRUN sleep 1000\n' });
    const { status, stderr } = await rig.run(['build', '--step-timeout', '200ms', context]);
    expect(status).toBe(4);
    expect(stderr).toContain(
      'error[STEP_TIMEOUT]: Cannot run "sleep 1000": it took longer than 0.2 seconds\n',
    );
    await rig.assertNothingLeft();
  });

  test('that was killed for its memory says so, or the build says that it has no limit', async () => {
    const context = rig.context({
      Dockerfile: 'FROM busybox\nRUN dd if=/dev/zero of=/dev/null bs=200M count=1\n',
    });
    const { status, stderr } = await rig.run(['build', '--memory', '64m', context]);
    if (stderr.includes('Steps run without limits of memory: ')) {
      expect(status).toBe(0);
    } else {
      expect(status).toBe(4);
      expect(stderr).toMatch(/(killed by SIGKILL|exit status 137) ?\((killed, )?out of memory\)/);
      expect(stderr).toContain('hint: Raise --memory, or let the step use less');
    }
  });

  test('E08 needs what the user has to allow', async () => {
    const context = rig.context({
      Dockerfile: 'FROM busybox\nRUN --security=insecure mount -t tmpfs none /tmp && umount /tmp\n',
    });
    const refused = await rig.run(['build', context]);
    expect([refused.status, refused.stderr]).toEqual([
      3,
      expect.stringContaining('error[ENTITLEMENT_MISSING]: ') as string,
    ]);
    expect(refused.stderr).toMatch(/Dockerfile:2:1\n/);
    const allowed = await rig.run(['build', '--allow', 'security.insecure', context]);
    expect(allowed.status, allowed.stderr).toBe(0);
  });
});
