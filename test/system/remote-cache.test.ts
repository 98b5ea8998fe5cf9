import { readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openBaseRig, type BaseRig } from '../support/base-rig.ts';
import type { Rig } from '../support/cli.ts';
import { startRegistry, type RegistryServer } from '../support/registry-server.ts';
import { watchServer } from '../support/watched-server.ts';

let target: RegistryServer;
let rig: BaseRig;
let host: string;

beforeAll(async () => {
  target = await startRegistry();
  rig = await openBaseRig();
  host = target.host;
});

afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  await target[Symbol.asyncDispose]();
});

/** The files differ each time that the steps run, so an equal image comes from the cache. */
const DOCKERFILE = `FROM busybox AS tools
RUN --mount=type=cache,target=/kept,id=kept date +%s%N > /stamp; cat /stamp >> /kept/all
RUN dd if=/dev/urandom of=/large bs=1k count=64
FROM busybox
COPY --from=tools /stamp /
RUN date +%s%N > /other
`;

async function build(on: Rig, context: string, ...flags: string[]): Promise<string> {
  const { status, stderr, stdout } = await on.run([
    ...['build', '--progress=plain', '-t', 'app', '--iidfile', join(on.dir, 'id')],
    ...[...flags, context],
  ]);
  expect(status, stderr).toBe(0);
  return stdout + stderr;
}

async function idOf(on: Rig): Promise<string> {
  const { stdout } = await on.run(['images', '--no-trunc', '-q', 'app']);
  return stdout.trim();
}

/** Snapshots of a store, without its own directories. */
function snapshotCount(on: Rig): number {
  return readdirSync(join(on.root, 'snapshots')).filter((name) => /^[0-9a-z]{12}$/.test(name))
    .length;
}

test.each(['registry', 'local'])(
  'another machine takes all steps from a cache in a %s, and fetches only what it needs',
  async (kind) => {
    const context = rig.context({ Dockerfile: DOCKERFILE });
    const place = join(rig.dir, 'shared');
    const to =
      kind === 'registry' ? `type=registry,ref=${host}/cache:1` : `type=local,dest=${place}`;
    const from = kind === 'registry' ? `${host}/cache:1` : `type=local,src=${place}`;
    await build(rig, context, '--cache-to', `${to},mode=max,compression=zstd`);
    const id = await idOf(rig);

    await using elsewhere = rig.elsewhere();
    const printed = await build(elsewhere, context, '--cache-from', from);
    expect(await idOf(elsewhere)).toBe(id);
    expect(printed.match(/CACHED/g)).toHaveLength(4);
    // The base image and the two layers of the target: none of the stage that it copies from.
    expect(snapshotCount(elsewhere)).toBe(3);
    const again = await build(elsewhere, context, '--cache-from', from);
    expect(again.match(/CACHED/g)).toHaveLength(4);
    expect(snapshotCount(elsewhere)).toBe(3);
  },
);

test('what another repository of the registry has goes into a cache without being sent', async () => {
  await using watched = await watchServer(target.url);
  const context = rig.context({
    Dockerfile:
      'FROM busybox AS tools\nRUN date +%s%N > /tool\nFROM busybox\nCOPY --from=tools /tool /copied\nRUN date +%s%N > /other\n',
  });
  const cache = (name: string): string => `type=registry,ref=${watched.host}/${name}:1,mode=max`;
  /** Blobs that came as bytes, and such as were mounted, since the last question. */
  const blobs = (name: string): { readonly sent: number; readonly mounted: number } => {
    const seen = watched.seen
      .splice(0)
      .filter((line) => line.includes(`/v2/${name}/blobs/uploads/`));
    return {
      sent: seen.filter((line) => /^PUT .* 201$/.test(line)).length,
      mounted: seen.filter((line) => /^POST .*[?&]mount=.* 201$/.test(line)).length,
    };
  };
  await build(rig, context, '--cache-to', cache('first'));
  // Three layers, and the document that says what they are.
  expect(blobs('first')).toEqual({ sent: 4, mounted: 0 });

  await using elsewhere = rig.elsewhere();
  const from = ['--cache-from', `${watched.host}/first:1`];
  await build(elsewhere, context, ...from, '--cache-to', cache('second'));
  expect(blobs('second')).toEqual({ sent: 1, mounted: 3 });
  // The layers of the image are here now.
  await build(elsewhere, context, ...from, '--cache-to', cache('third'));
  expect(blobs('third')).toEqual({ sent: 1, mounted: 3 });

  const pushed = `${watched.host}/pushed:1`;
  expect((await elsewhere.run(['tag', 'app', pushed])).status).toBe(0);
  const push = await elsewhere.run(['push', pushed]);
  expect(push.status, push.stderr).toBe(0);
  expect(blobs('pushed').mounted).toBe(2);
});

test('an image carries the results of its own steps', async () => {
  const context = rig.context({
    Dockerfile: 'FROM busybox\nRUN date +%s%N > /a\nRUN cat /a > /b\n',
  });
  const name = `${host}/inline:1`;
  const words = ['build', '-t', name, '--push', '--cache-to', 'type=inline', context];
  const pushed = await rig.run(words);
  expect(pushed.status, pushed.stderr).toBe(0);
  await using elsewhere = rig.elsewhere();
  const printed = await build(elsewhere, context, '--cache-from', name);
  expect(printed.match(/CACHED/g)).toHaveLength(2);
});

test('a cache that is gone or damaged is told in a line, and the build goes on', async () => {
  const context = rig.context({ Dockerfile: 'FROM busybox\nRUN echo hello > /a\n' });
  const place = join(rig.dir, 'damaged');
  await build(rig, context, '--cache-to', `type=local,dest=${place}`);
  const blobs = join(place, 'blobs', 'sha256');
  for (const name of readdirSync(blobs)) {
    const { stdout } = await rig.run(['-c', `head -c 2 ${join(blobs, name)} | od -An -tx1`], {
      program: 'sh',
    });
    if (stdout.trim() === '1f 8b') writeFileSync(join(blobs, name), 'damaged');
  }
  await using elsewhere = rig.elsewhere();
  const printed = await build(
    elsewhere,
    context,
    ...['--cache-from', `type=local,src=${place}`],
    ...['--cache-from', 'type=local,src=/nonexistent'],
    ...['--cache-from', `${host}/nothing:here`],
  );
  expect(printed).toContain(`The cache "${place}" lost a result, so its step runs:`);
  expect(printed).toContain(
    'No cache from "/nonexistent": Cannot use the cache "/nonexistent": there is none',
  );
  expect(printed).toContain(`No cache from "${host}/nothing:here":`);
  const { stdout } = await elsewhere.run(['run', '--rm', 'app', 'cat', '/a']);
  expect(stdout).toBe('hello\n');
});

test('cache mounts travel when both sides ask for it', async () => {
  const text = (mark: string): string =>
    `FROM busybox\nRUN --mount=type=cache,target=/m,id=m echo ${mark} >> /m/log; cp /m/log /log\n`;
  const flags = `type=registry,ref=${host}/mounts`;
  const first = rig.context({ Dockerfile: text('one') });
  await build(rig, first, '--cache-to', `${flags},mounts=true`);
  const second = rig.context({ Dockerfile: text('two') });
  for (const [extra, log] of [
    ['', 'two\n'],
    [',mounts=true', 'one\ntwo\n'],
  ] as const) {
    await using elsewhere = rig.elsewhere();
    await build(elsewhere, second, '--cache-from', `${flags}${extra}`);
    const { stdout } = await elsewhere.run(['run', '--rm', 'app', 'cat', '/log']);
    expect(stdout).toBe(log);
  }
});
