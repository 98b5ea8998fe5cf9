import { rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBaseRig, type BaseRig } from '../support/base-rig.ts';

let rig: BaseRig;

beforeAll(async () => {
  rig = await openBaseRig({ env: { EXPLAIN_KEY: 'default' } });
});

afterAll(async () => {
  await rig[Symbol.asyncDispose]();
});

/** Builds, and gives what is said of each step that ran, by the words of its instruction. */
async function reasons(args: readonly string[]): Promise<Record<string, string>> {
  const built = await rig.run(['build', '--progress=plain', ...args]);
  expect(built.status, built.stderr).toBe(0);
  const explained = await rig.run(['explain', '--format', 'json']);
  expect(explained.status, explained.stderr).toBe(0);
  const { steps } = JSON.parse(explained.stdout) as {
    steps: { name: string; state: string; reason?: string }[];
  };
  const ran = steps.filter(({ state }) => state === 'ran');
  for (const { reason = 'no reason' } of ran) expect(built.stderr).toContain(reason);
  return Object.fromEntries(
    ran.map(({ name, reason = '' }) => [
      name.replace(/^\[[^\]]*\] /, ''),
      reason.replace('not cached: ', ''),
    ]),
  );
}

describe('every step that is not cached says why', () => {
  const DOCKERFILE = `FROM busybox AS build
ARG MODE=test
RUN echo $MODE > /mode
WORKDIR /app
COPY . .
RUN --mount=type=secret,id=key cat src/* > /out
FROM scratch
COPY --from=build /out /mode /
`;
  let context: string;
  let args: string[];

  beforeAll(async () => {
    context = rig.context({ Dockerfile: DOCKERFILE, 'src/a.ts': 'a', 'src/b.ts': 'b' });
    args = ['--secret', 'id=key,env=EXPLAIN_KEY', '-t', 'explained', context];
    const first = await rig.run(['build', ...args], { env: { EXPLAIN_KEY: 'one' } });
    expect(first.status, first.stderr).toBe(0);
  });

  test('nothing runs again, also when a time or a secret is another one', async () => {
    utimesSync(join(context, 'src/a.ts'), 1, 1);
    const again = await rig.run(['build', ...args], { env: { EXPLAIN_KEY: 'two' } });
    expect(again.status, again.stderr).toBe(0);
    expect(await reasons(args)).toEqual({});
    expect((await rig.run(['explain'])).stdout).toMatch(
      /: done, [^]*\n {2}cached {2}\[stage-1 1\/1\] COPY --from=build/,
    );
  });

  test('the file whose content changed is named, then the step that others stand on', async () => {
    writeFileSync(join(context, 'src/a.ts'), 'changed');
    expect(await reasons(args)).toEqual({
      'COPY . .': 'src/a.ts changed',
      'RUN --mount=type=secret,id=key cat src/* > /out': '[build 4/5] COPY . . has another result',
      'COPY --from=build /out /mode /': 'out of stage "build" changed',
    });
  });

  test('of several files the first are named', async () => {
    writeFileSync(join(context, 'src/c.ts'), 'new');
    rmSync(join(context, 'src/b.ts'));
    writeFileSync(join(context, 'src/a.ts'), 'changed again');
    expect(await reasons(args)).toMatchObject({
      'COPY . .': '3 files of the build context changed: src/a.ts, src/b.ts (gone), src/c.ts (new)',
    });
  });

  test('the build argument is named with its values, and "plan" says the same', async () => {
    const changed = ['--build-arg', 'MODE=production', ...args];
    const planned = await rig.run(['plan', ...changed]);
    expect(planned.stdout).toContain('not cached: build-arg MODE: "test" → "production"');
    expect(await reasons(changed)).toMatchObject({
      'RUN echo production > /mode': 'build-arg MODE: "test" → "production"',
      'WORKDIR /app': '[build 2/5] RUN echo production > /mode has another result',
    });
    // Both are known now.
    expect(await reasons(args)).toEqual({});
    expect(await reasons(changed)).toEqual({});
  });

  test('the text of the instruction is told; a step that moved is compared with itself', async () => {
    const file = join(context, 'Dockerfile');
    writeFileSync(file, DOCKERFILE.replace('RUN echo $MODE', 'RUN echo mode: $MODE'));
    expect(await reasons(args)).toMatchObject({
      'RUN echo mode: test > /mode': 'the instruction was "[build 2/5] RUN echo test > /mode"',
      'COPY . .': 'Dockerfile changed; [build 3/5] WORKDIR /app has another result',
    });
    writeFileSync(file, DOCKERFILE.replace('WORKDIR', 'RUN true\nWORKDIR'));
    const moved = await reasons(args);
    expect(moved['WORKDIR /app']).toBe('[build 3/6] RUN true has another result');
    expect(moved['RUN --mount=type=secret,id=key cat src/* > /out']).toBe(
      '[build 5/6] COPY . . has another result',
    );
    expect(moved['RUN true']).toContain('the instruction was');
    writeFileSync(file, DOCKERFILE);
  });

  test('--no-cache says so, and --progress=json has the parts', async () => {
    expect(await reasons(['--no-cache', ...args])).toMatchObject({
      'COPY . .': 'the cache is switched off for this step',
    });
    writeFileSync(join(context, 'src/a.ts'), 'for json');
    const { stderr } = await rig.run(['build', '--progress=json', ...args]);
    const missed = stderr.split('\n').find((line) => line.includes('"op-missed"')) ?? '{}';
    expect(JSON.parse(missed)).toMatchObject({
      because: {
        kind: 'changed',
        changes: [
          {
            part: 'copy files',
            subject: { kind: 'files', count: 1, first: [{ path: 'src/a.ts', what: 'content' }] },
          },
        ],
      },
    });
  });

  test('a base image that changed is named with its digests', async () => {
    const base = rig.context({ Dockerfile: 'FROM scratch\nCOPY Dockerfile /\n' });
    const top = rig.context({ Dockerfile: 'FROM base\nCOPY Dockerfile /top\n' });
    await rig.run(['build', '-t', 'base', base]);
    await rig.run(['build', '-t', 'top', top]);
    writeFileSync(join(base, 'Dockerfile'), 'FROM scratch\nCOPY Dockerfile /\nLABEL a=b\n');
    await rig.run(['build', '-t', 'base', base]);
    const told = await reasons(['-t', 'top', top]);
    expect(Object.values(told)[0]).toMatch(
      /^base image .*base.*: sha256:[0-9a-f]{12}… → sha256:[0-9a-f]{12}…$/,
    );
  });

  test('--log shows all that a step printed, but for its secrets', async () => {
    const failing = rig.context({
      Dockerfile: `FROM busybox AS base
FROM base AS long
RUN --mount=type=secret,id=token,env=TOKEN seq 1 30000; echo "the token is $TOKEN"; exit 3
`,
    });
    const secret = 'a-token-of-some-length';
    const words = ['build', '--secret', 'id=token,env=TOKEN', failing];
    const built = await rig.run(words, { env: { TOKEN: secret } });
    expect(built.status).toBe(4);
    expect(built.stderr).toContain(
      'hint: To see all that it printed: stagecraft explain --log "long 1/1"\n',
    );
    expect(built.stderr).toContain('the token is ***\n');
    const { stdout } = await rig.run(['explain', '--log', 'long 1/1']);
    const lines = stdout.split('\n');
    expect([lines.length, lines[0], lines.at(-2)]).toEqual([30_002, '1', 'the token is ***']);
    expect(built.stderr + stdout).not.toContain(secret);
    expect(await rig.run(['explain', '--log', 'FROM'])).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(
        /^error\[STEP_NOT_FOUND\]: Cannot show what step "FROM" printed: it printed nothing, or did not run\n {2}hint: These printed something: \[long 1\/1\] RUN /,
      ) as string,
    });
    expect(await rig.run(['explain', '--log', 'nothing'])).toMatchObject({
      status: 2,
      stderr: expect.stringContaining('the build has no such step') as string,
    });
  });

  test('builds are listed, the last first, and an unknown one is refused', async () => {
    const list = await rig.run(['builds', '--format', 'json']);
    const ids = (JSON.parse(list.stdout) as { id: string }[]).map(({ id }) => id);
    expect(ids).toEqual([...ids].sort().reverse());
    const first = await rig.run(['explain', ids.at(-1) ?? '']);
    expect(first.stdout).toContain('not cached: never built before');
    expect((await rig.run(['builds'])).stdout.split('\n')[0]).toMatch(/^BUILD +STARTED +TOOK/);
    const none = await rig.run(['explain', 'nothing']);
    expect(none).toMatchObject({
      status: 2,
      stderr: `error[BUILD_NOT_FOUND]: Cannot explain build "nothing": there is none
  hint: Run "stagecraft builds" for those that are known
`,
    });
  });
});
