import { type Dirent, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { buildWithEvents } from '../support/build-events.ts';
import { openBaseRig, type BaseRig } from '../support/base-rig.ts';

let rig: BaseRig;

beforeAll(async () => {
  rig = await openBaseRig({ env: { SOURCE_DATE_EPOCH: '1' } });
});

afterAll(async () => {
  await rig[Symbol.asyncDispose]();
});

/** A step that takes long enough to be met by others, says when it begins, and leaves the same bytes. */
const SLOW = 'echo began; sleep 1; echo done > /made';

describe('builds of several processes on one store', () => {
  test('a second build waits for the step that the first one runs, and takes its result', async () => {
    const context = rig.context({ Dockerfile: `FROM busybox\nRUN ${SLOW}\n` });
    const first = rig.start(['build', '--progress=plain', context]);
    await first.printed(' began');
    const second = await buildWithEvents(rig, [context]);
    expect(second.status, second.stderr).toBe(0);
    expect(second.started.filter((name) => name.includes('RUN'))).toEqual([]);
    expect(second.cached.filter((name) => name.includes('RUN'))).toHaveLength(1);
    expect((await first.ended).status).toBe(0);
  });

  test('a second build runs the step when the first one is killed in it', async () => {
    const context = rig.context({ Dockerfile: `FROM busybox\nRUN true && ${SLOW}\n` });
    const first = rig.start(['build', '--progress=plain', context]);
    await first.printed(' began');
    const second = buildWithEvents(rig, [context]);
    first.kill('SIGKILL');
    expect((await first.ended).killedBy).toBe('SIGKILL');
    const { status, started, stderr } = await second;
    expect(status, stderr).toBe(0);
    expect(started.filter((name) => name.includes('RUN'))).toHaveLength(1);
  });

  test('a second build runs the step when the first one fails in it', async () => {
    const command = `echo began; sleep 1; mkdir /cache/once 2>/dev/null && exit 7; true`;
    const context = rig.context({
      Dockerfile: `FROM busybox\nRUN --mount=type=cache,target=/cache ${command}\n`,
    });
    const first = rig.start(['build', '--progress=plain', context]);
    await first.printed(' began');
    const second = await rig.run(['build', '--progress=plain', context]);
    expect((await first.ended).status).toBe(4);
    expect(second.status, second.stderr).toBe(0);
  });

  test('waiting for another build ends with Ctrl-C', async () => {
    const context = rig.context({ Dockerfile: `FROM busybox\nRUN echo began; sleep 5\n` });
    const first = rig.start(['build', '--progress=plain', context]);
    await first.printed(' began');
    const second = rig.start(['build', '--progress=plain', context]);
    await second.printed('FROM');
    second.kill('SIGINT');
    expect((await second.ended).status).toBe(130);
    first.kill('SIGINT');
    expect((await first.ended).status).toBe(130);
  });
});

describe('one build', () => {
  test('runs equal steps of several stages once, and stages side by side within --jobs', async () => {
    const same = 'RUN echo same > /same';
    const stages = ['a', 'b', 'c'].map(
      (name) =>
        `FROM busybox AS ${name}\n${same}\nRUN echo ${name}; cut -d ' ' -f 1 /proc/uptime > /began; sleep 0.4; cut -d ' ' -f 1 /proc/uptime > /ended\n`,
    );
    const copies = ['a', 'b', 'c'].map((name) => `COPY --from=${name} /began /ended /${name}/`);
    const context = rig.context({
      Dockerfile: `${stages.join('')}FROM scratch\n${copies.join('\n')}\n`,
    });
    const most: number[] = [];
    for (const jobs of ['3', '1']) {
      const dest = join(rig.dir, `times-${jobs}`);
      const log = await buildWithEvents(rig, ['--no-cache', '--jobs', jobs, '-o', dest, context]);
      expect(log.status, log.stderr).toBe(0);
      expect(log.started.filter((name) => name.includes('echo same'))).toHaveLength(1);
      most.push(overlapping(dest));
    }
    // With one job nothing overlaps; with three, all do.
    expect(most).toEqual([3, 1]);
  });

  test('stops the other steps when one fails', async () => {
    const context = rig.context({
      Dockerfile: `FROM busybox AS long
RUN sleep 60
FROM busybox AS bad
RUN sleep 0.2; exit 3
FROM scratch
COPY --from=long / /
COPY --from=bad / /
`,
    });
    const { status, stderr } = await rig.run(['build', context]);
    expect(status).toBe(4);
    expect(stderr).toContain('STEP_FAILED');
    await rig.assertNothingLeft();
  });
});

/** How many of the stages ran at one moment, by the times that they wrote. */
function overlapping(dir: string): number {
  const spans = readdirSync(dir).map((name) => [
    ...['began', 'ended'].map((file) => Number(readFileSync(join(dir, name, file), 'utf8'))),
  ]);
  return Math.max(
    ...spans.map(([at = 0]) => spans.filter(([from = 0, to = 0]) => from <= at && at < to).length),
  );
}

describe('a store in which processes are killed', () => {
  const DOCKERFILE = `FROM busybox AS build
COPY . /src
RUN cat /src/* > /all && echo one
RUN mkdir /many && for i in $(seq 300); do echo $i > /many/$i; done && echo two
FROM busybox
COPY --from=build /many /many
COPY --from=build /all /
RUN rm -r /many/1 && echo three
`;
  const files = Object.fromEntries(
    Array.from({ length: 200 }, (_, i) => [`f${String(i)}`, String(i)]),
  );

  test('the next build gives the same image wherever the one before was cut off, beside prune', async () => {
    const context = rig.context({ Dockerfile: DOCKERFILE, ...files });
    const args = ['-q', '-t', 'killed', context];
    const good = await rig.run(['build', ...args]);
    expect(good.status, good.stderr).toBe(0);
    const marks = ['load metadata', 'COPY . /src', 'one', 'two', 'COPY --from', 'three', 'Wrote'];
    for (const [round, mark] of marks.entries()) {
      const root = join(rig.dir, `killed-${String(round % 2)}`);
      mkdirSync(root, { recursive: true, mode: 0o700 });
      const killed = rig.start(['build', '--root', root, '--progress=plain', '-t', 'x', context]);
      await killed.printed(mark);
      killed.kill('SIGKILL');
      const pruned = rig.start(['prune', '-af', '--root', root]);
      await killed.ended;
      const again = await rig.run(['build', '--root', root, ...args]);
      expect(again.status, again.stderr).toBe(0);
      expect(again.stdout).toBe(good.stdout);
      expect((await pruned.ended).status).toBe(0);
      // A prune that is killed leaves as good a store.
      const cut = rig.start(['prune', '-af', '--root', root]);
      cut.kill('SIGKILL');
      await cut.ended;
    }
    for (const name of ['killed-0', 'killed-1']) {
      const root = join(rig.dir, name);
      expect((await rig.run(['prune', '-af', '--root', root])).status).toBe(0);
      const { stdout } = await rig.run(['du', '--root', root, '--format', 'json']);
      expect((JSON.parse(stdout) as { totals: { bytes: number } }).totals.bytes).toBe(0);
      for (const left of ['snapshots/active', 'snapshots/trash', 'locks/leases', 'tmp']) {
        expect({ left, names: readdirSync(join(root, left)) }).toEqual({ left, names: [] });
      }
    }
  });

  const mountDirectories = (): Dirent[] =>
    readdirSync(join(rig.root, 'mounts'), { withFileTypes: true }).filter((entry) =>
      entry.isDirectory(),
    );

  test('prune beside builds takes nothing that they need, and none waits for the other', async () => {
    // The last step runs until the test has put a file into its cache mount.
    const waits = 'echo began && until [ -e /gate/open ]; do sleep 0.1; done';
    const context = rig.context({
      Dockerfile: `${DOCKERFILE}RUN --mount=type=cache,id=gate,target=/gate ${waits}\n`,
      ...files,
    });
    const build = rig.start(['build', '--no-cache', '--progress=plain', '-t', 'beside', context]);
    await build.printed(' began');
    for (let i = 0; i < 3; i++) {
      const { status, stderr } = await rig.run(['prune', '-af']);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    }
    for (const { name, parentPath } of mountDirectories()) {
      writeFileSync(join(parentPath, name, 'open'), '');
    }
    const { status, stderr } = await build.ended;
    expect(status, stderr).toBe(0);
    const ran = await rig.run(['run', '--rm', 'beside', 'cat', '/many/300', '/all']);
    expect(ran.stdout.startsWith('300\n')).toBe(true);
  });
});

test('a file that changes between two builds, without a new size or time, is seen', async () => {
  const context = rig.context({ Dockerfile: 'FROM scratch\nCOPY file /\n', file: 'aaaa' });
  const digests: string[] = [];
  for (const text of ['aaaa', 'bbbb', 'aaaa', 'cccc']) {
    // As fast as can be: within one tick of the clock, times tell nothing.
    writeFileSync(join(context, 'file'), text);
    const dest = join(rig.dir, `changed-${String(digests.length)}`);
    const { status, stderr } = await rig.run(['build', '-o', dest, context]);
    expect(status, stderr).toBe(0);
    digests.push(readFileSync(join(dest, 'file'), 'utf8'));
  }
  expect(digests).toEqual(['aaaa', 'bbbb', 'aaaa', 'cccc']);
});
