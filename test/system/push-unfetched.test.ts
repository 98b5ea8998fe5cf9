import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { openBaseRig, type BaseRig } from '../support/base-rig.ts';
import type { CommandResult, Rig } from '../support/cli.ts';
import { startRegistry, type RegistryServer } from '../support/registry-server.ts';
import { watchServer, type WatchedServer } from '../support/watched-server.ts';

let target: RegistryServer;
let watched: WatchedServer;
let rig: BaseRig;
/** Digest of the manifest and digests of the layers, as they were first pushed. */
let first: Pushed;
let context: string;

/** The steps print other bytes each time, so what is equal was not made again. */
const DOCKERFILE = (base: string): string => `FROM ${base} AS tools
RUN cat /proc/sys/kernel/random/uuid > /stamp
FROM ${base}
COPY --from=tools /stamp /
RUN cat /proc/sys/kernel/random/uuid > /other
CMD ["cat", "/stamp"]
`;
const KEPT = 'Pushed, and not kept here: the registry has layers of the image that were never';

interface Pushed {
  readonly digest: string;
  readonly layers: readonly string[];
}

beforeAll(async () => {
  target = await startRegistry();
  watched = await watchServer(target.url);
  rig = await openBaseRig();
  // Where it was built, the base image would be another one: that of the local store.
  await using elsewhere = rig.elsewhere();
  await push(elsewhere, 'base:1', elsewhere.context({ Dockerfile: 'FROM busybox\n' }));
  context = rig.context({ Dockerfile: DOCKERFILE(name('base:1')) });
  first = await push(rig, 'team/app:1', context, '--cache-to', `${cache()},mode=max`);
  expect(first.layers).toHaveLength(3);
});

beforeEach(() => {
  watched.seen.length = 0;
});

afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  await watched[Symbol.asyncDispose]();
  await target[Symbol.asyncDispose]();
});

function name(image: string): string {
  return `${watched.host}/${image}`;
}

function cache(): string {
  return `type=registry,ref=${name('team/cache:1')}`;
}

async function run(on: Rig, words: readonly string[]): Promise<CommandResult> {
  const result = await on.run(words);
  expect(result.status, result.stderr).toBe(0);
  return result;
}

/** Builds, pushes, and looks up what the registry has now. */
async function push(
  on: Rig,
  image: string,
  from: string,
  ...flags: string[]
): Promise<Pushed & { readonly printed: string }> {
  const metadata = join(on.dir, 'metadata.json');
  const words = ['build', '--progress=plain', '--push', '-t', name(image)];
  const built = await run(on, [...words, '--metadata-file', metadata, ...flags, from]);
  const facts = JSON.parse(readFileSync(metadata, 'utf8')) as Record<string, string>;
  const digest = facts['containerimage.digest'] ?? '';
  const repository = image.split(':')[0] ?? '';
  const answer = await fetch(`${target.url}/v2/${repository}/manifests/${digest}`, {
    headers: { accept: 'application/vnd.oci.image.manifest.v1+json' },
  });
  const manifest = (await answer.json()) as { readonly layers: readonly { digest: string }[] };
  const printed = built.stdout + built.stderr;
  return { digest, layers: manifest.layers.map((layer) => layer.digest), printed };
}

/** Builds and pushes an index, and gives what was printed. */
async function pushIndex(
  on: Rig,
  image: string,
  from: string,
  ...flags: readonly string[]
): Promise<string> {
  const words = ['build', '--progress=plain', '--push', '-t', name(image)];
  const built = await run(on, [...words, ...flags, from]);
  return built.stdout + built.stderr;
}

/** Layers that were asked for since the test began. */
function fetchedLayers(): readonly string[] {
  return first.layers.filter((digest) =>
    watched.seen.some((line) => line.startsWith('GET ') && line.includes(`/blobs/${digest}`)),
  );
}

function snapshotCount(on: Rig): number {
  return readdirSync(join(on.root, 'snapshots')).filter((entry) => /^[0-9a-z]{12}$/.test(entry))
    .length;
}

async function imagesOf(on: Rig): Promise<string> {
  return (await run(on, ['images', '-q'])).stdout;
}

test('an image whose steps are all cached is pushed to where it was without fetching a layer', async () => {
  await using fresh = rig.elsewhere();
  const flags = ['--cache-from', cache(), '--cache-to', `${cache()},mode=max`];
  const again = await push(fresh, 'team/app:2', context, ...flags);
  expect(again).toMatchObject({ digest: first.digest, layers: first.layers });
  expect(again.printed.match(/CACHED/g)).toHaveLength(3);
  expect(again.printed).toContain(KEPT);
  expect(fetchedLayers()).toEqual([]);
  expect(watched.seen.filter((line) => line.startsWith('PATCH '))).toEqual([]);
  expect(snapshotCount(fresh)).toBe(0);
  expect(await imagesOf(fresh)).toBe('');
  // Who wants it after all gets it.
  const ran = await run(fresh, ['run', '--rm', name('team/app:2')]);
  expect(ran.stdout).toMatch(/^[0-9a-f-]{36}\n$/);
});

test('another repository of the registry mounts the layers from where they are', async () => {
  await using fresh = rig.elsewhere();
  const more = ['-t', name('other/third:1'), '--cache-from', cache()];
  const again = await push(fresh, 'other/app:1', context, ...more);
  expect(again).toMatchObject({ digest: first.digest, layers: first.layers });
  expect(fetchedLayers()).toEqual([]);
  const mounted = watched.seen.filter((line) => /^POST .*[?&]mount=.* 201$/.test(line));
  // The third repository has the config from the second as well.
  expect(mounted.map((line) => /from=([^& ]*)/.exec(line)?.[1]).sort()).toEqual([
    'base',
    ...Array<string>(4).fill('other%2Fapp'),
    ...Array<string>(2).fill('team%2Fcache'),
  ]);
});

test('an image that has its own cache in it is pushed without fetching a layer', async () => {
  const inline = ['--cache-to', 'type=inline'];
  // Of a stage that is only copied from, an image has no results.
  const own = rig.context({
    Dockerfile: 'FROM busybox\nRUN cat /proc/sys/kernel/random/uuid > /a\n',
  });
  const pushed = await push(rig, 'team/inline:1', own, ...inline);
  watched.seen.length = 0;
  await using fresh = rig.elsewhere();
  const from = ['--cache-from', name('team/inline:1')];
  const again = await push(fresh, 'team/inline:2', own, ...inline, ...from);
  expect(again).toMatchObject({ digest: pushed.digest, layers: pushed.layers });
  expect(snapshotCount(fresh)).toBe(0);
});

test('a base image with another config is pushed without fetching a layer', async () => {
  const labelled = rig.context({ Dockerfile: `FROM ${name('base:1')}\nLABEL a=b\n` });
  await using fresh = rig.elsewhere();
  const pushed = await push(fresh, 'other/labelled:1', labelled, '--source-date-epoch', '5');
  expect(pushed.layers).toEqual(first.layers.slice(0, 1));
  expect(fetchedLayers()).toEqual([]);
});

test('a step that has to run gets the files below it, and the image is kept', async () => {
  await using fresh = rig.elsewhere();
  const text = `${DOCKERFILE(name('base:1'))}RUN cat /stamp > /copy\n`;
  const changed = fresh.context({ Dockerfile: text });
  const pushed = await push(fresh, 'team/app:3', changed, '--cache-from', cache());
  expect(pushed.layers.slice(0, 3)).toEqual(first.layers);
  expect(pushed.printed).not.toContain(KEPT);
  expect(fetchedLayers()).toEqual(first.layers);
  expect(await imagesOf(fresh)).not.toBe('');
});

test.each([
  ['a local image', ['-o', 'type=image']],
  ['a store that is to have it', ['-o', 'type=registry,store=true']],
  ['files', ['-o', 'type=cacheonly', '-o', 'out']],
])('%s needs the layers, also when the image is pushed', async (_, flags) => {
  await using fresh = rig.elsewhere();
  const pushed = await push(fresh, 'team/app:4', context, '--cache-from', cache(), ...flags);
  expect(pushed.layers).toHaveLength(3);
  expect(fetchedLayers()).toEqual(first.layers);
  expect(pushed.printed).not.toContain(KEPT);
  expect(await imagesOf(fresh)).not.toBe('');
});

test('a name that an image here has never stays with the former one', async () => {
  await using fresh = rig.elsewhere();
  const former = fresh.context({ Dockerfile: 'FROM scratch\nLABEL former=yes\n' });
  await push(fresh, 'team/app:5', former);
  const before = await imagesOf(fresh);
  const pushed = await push(fresh, 'team/app:5', context, '--cache-from', cache());
  expect(pushed.digest).toBe(first.digest);
  const shown = ['images', '-q', name('team/app:5')];
  expect((await run(fresh, shown)).stdout).not.toBe(before);
});

test('a layer that the registry has lost is made again', async () => {
  const own = rig.context({
    Dockerfile: `FROM ${name('base:1')}\nRUN echo same > /a\n`,
  });
  const place = `type=registry,ref=${name('lost/cache:1')}`;
  const pushed = await push(rig, 'lost/app:1', own, '--cache-to', place);
  for (const repository of ['lost/app', 'lost/cache']) {
    const path = `/v2/${repository}/blobs/${pushed.layers[1] ?? ''}`;
    const deleted = await fetch(target.url + path, { method: 'DELETE' });
    expect(deleted.status).toBe(202);
  }
  await using fresh = rig.elsewhere();
  const again = await push(fresh, 'lost/app:2', own, '--cache-from', place);
  expect(again.printed).toContain('lost a result, so its step runs');
  expect(again.layers[0]).toBe(pushed.layers[0]);
  expect(again.printed).not.toContain(KEPT);
});

test('of several platforms, only the one whose step has to run is made', async () => {
  const files = (amd64: string): Record<string, string> => ({
    Dockerfile: 'FROM scratch\nARG TARGETARCH\nCOPY ${TARGETARCH} /file\n',
    amd64,
    arm64: 'same',
  });
  const flags = ['--platform', 'linux/amd64,linux/arm64'];
  const place = `type=registry,ref=${name('many/cache:1')}`;
  await pushIndex(rig, 'many/app:1', rig.context(files('one')), ...flags, '--cache-to', place);
  await using fresh = rig.elsewhere();
  const from = [...flags, '--cache-from', place];
  const changed = rig.context(files('two'));
  const printed = await pushIndex(fresh, 'many/app:2', changed, ...from);
  expect(printed.match(/CACHED/g)).toHaveLength(1);
  expect(printed).toContain(KEPT);
  expect(snapshotCount(fresh)).toBe(1);
  expect(await imagesOf(fresh)).toBe('');
  for (const [platform, text] of [
    ['linux/amd64', 'two'],
    ['linux/arm64', 'same'],
  ] as const) {
    await using reader = rig.elsewhere();
    const copy = reader.context({ Dockerfile: `FROM ${name('many/app:2')}\n` });
    const out = ['-o', join(reader.dir, 'out')];
    await run(reader, ['build', '--platform', platform, ...out, copy]);
    expect(readFileSync(join(reader.dir, 'out', 'file'), 'utf8')).toBe(text);
  }
});

test('layers whose times are changed for the image are fetched', async () => {
  const flags = ['--source-date-epoch', '5'];
  const place = `type=registry,ref=${name('team/cache:epoch')}`;
  const pushed = await push(rig, 'team/epoch:1', context, ...flags, '--cache-to', place);
  await using fresh = rig.elsewhere();
  const again = await push(fresh, 'team/epoch:2', context, ...flags, '--cache-from', place);
  expect(again.digest).toBe(pushed.digest);
  expect(again.printed).not.toContain(KEPT);
  expect(await imagesOf(fresh)).not.toBe('');
});
