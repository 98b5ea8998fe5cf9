import { afterAll, beforeAll, expect, test } from 'vitest';
import { openBaseRig, type BaseRig } from '../support/base-rig.ts';

let rig: BaseRig;

beforeAll(async () => {
  rig = await openBaseRig();
});

afterAll(async () => {
  await rig[Symbol.asyncDispose]();
});

/** Builds that wait in their last step; the step says `7-ready` when it does. */
function waitingBuild(prefix = ''): string {
  return rig.context({
    Dockerfile: `FROM busybox AS first
RUN echo kept > /kept
FROM busybox
COPY --from=first /kept /
RUN ${prefix}echo $((3 + 4))-ready; sleep 600; sleep 600
`,
  });
}

test.each([
  { isolation: 'auto', signal: 'SIGINT', status: 130, prefix: '' },
  { isolation: 'auto', signal: 'SIGTERM', status: 143, prefix: '' },
  { isolation: 'oci', signal: 'SIGINT', status: 130, prefix: '' },
  { isolation: 'auto', signal: 'SIGINT', status: 130, prefix: "trap '' INT TERM HUP; " },
] as const)(
  '$signal with --isolation $isolation ends a step ($prefix) and leaves no half image',
  async ({ isolation, signal, status, prefix }) => {
    const words = ['build', '--isolation', isolation, '-t', 'half', waitingBuild(prefix)];
    const build = rig.start(words);
    await build.printed('7-ready');
    build.kill(signal);
    const ended = await build.ended;
    expect(ended.status, ended.stderr).toBe(status);
    expect(ended.stderr).toMatch(/stagecraft: interrupted\n$/);
    await rig.assertNothingLeft();
    expect((await rig.run(['images', '-q'])).stdout).toBe('');
  },
);

test('A builder that was killed leaves nothing that keeps the next one from building', async () => {
  const build = rig.start(['build', '-t', 'half', waitingBuild()]);
  await build.printed('7-ready');
  build.kill('SIGKILL');
  expect((await build.ended).killedBy).toBe('SIGKILL');
  const context = rig.context({ Dockerfile: 'FROM busybox\nRUN echo whole > /whole\n' });
  const next = await rig.run(['build', '-t', 'whole', context]);
  expect(next.status, next.stderr).toBe(0);
  expect((await rig.run(['run', '--rm', 'whole', 'cat', '/whole'])).stdout).toBe('whole\n');
  expect((await rig.run(['rmi', 'whole'])).status).toBe(0);
  await rig.assertNothingLeft();
});

test('Results of steps that ended before the interruption are used by the next build', async () => {
  const context = waitingBuild('true; ');
  const build = rig.start(['build', context]);
  await build.printed('7-ready');
  build.kill('SIGINT');
  await build.ended;
  const again = rig.start(['build', '--progress=plain', context]);
  await again.printed('7-ready');
  again.kill('SIGINT');
  const { stderr } = await again.ended;
  const cached = /#(\d+) \[first 2\/2\] RUN echo kept > \/kept\n#\1 CACHED\n/;
  expect(stderr).toMatch(cached);
});
