import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBaseRig, type BaseRig } from '../support/base-rig.ts';
import { BUILDERS, buildAs, type BuildAs } from '../support/build-as.ts';

/** A step says this where its runtime hangs. */
const HANGS = 'the runtime hangs';

describe.skipIf(process.getuid?.() !== 0).each(BUILDERS)('A runc of %s that hangs', (who) => {
  let rig: BaseRig;
  let builder: BuildAs;

  beforeAll(async () => {
    rig = await openBaseRig();
    builder = buildAs(who, rig);
  });

  afterAll(async () => {
    try {
      await rig[Symbol.asyncDispose]();
    } finally {
      builder[Symbol.dispose]();
    }
  });

  /**
   * The environment of a command that finds a runc which hangs before each program. It leaves the program
   * waiting as runc does: prepared, but not let go. Probes go through.
   */
  function withHangs(): { readonly env: Record<string, string> } {
    const runc = execFileSync('sh', ['-c', 'command -v runc'], { encoding: 'utf8' }).trim();
    const bin = join(rig.dir, 'bin');
    mkdirSync(bin, { recursive: true });
    const script = `#!/bin/sh
case "$*" in --version | *" probe-"*) exec ${runc} "$@" ;; esac
${runc} "$1" "$2" "$3" "$4" "$5" "$6" create "$8" "$9" "\${10}"
echo ${HANGS} >&2
exec sleep 1000
`;
    writeFileSync(join(bin, 'runc'), script, { mode: 0o755 });
    return { env: { PATH: `${bin}:${rig.env['PATH'] ?? ''}` } };
  }

  function words(lines: string): string[] {
    const context = rig.context({ Dockerfile: `FROM busybox\n${lines}` });
    return ['build', '--progress=plain', '--no-cache', '--isolation=runc', context];
  }

  test.each([
    ['SIGINT', { status: 130 }],
    ['SIGTERM', { status: 143 }],
    ['SIGKILL', { killedBy: 'SIGKILL' }],
  ] as const)('is gone after %s', async (signal, end) => {
    const build = builder.start(words('RUN true\n'), withHangs());
    await build.printed(HANGS);
    build.kill(signal);
    expect(await build.ended).toMatchObject(end);
    await rig.assertNothingLeft();
  });

  test('is gone when the time of the step is up', async () => {
    const [build = '', ...rest] = words('RUN true\n');
    const limited = [build, '--step-timeout=3s', ...rest];
    const { status, stderr } = await builder.run(limited, withHangs());
    expect(status, stderr).toBe(4);
    expect(stderr).toContain(
      'error[STEP_TIMEOUT]: Cannot run "true": it took longer than 3 seconds',
    );
    await rig.assertNothingLeft();
  });
});
