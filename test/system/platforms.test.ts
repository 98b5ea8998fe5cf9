import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { openBaseRig, type BaseRig } from '../support/base-rig.ts';
import type { CommandResult, Rig } from '../support/cli.ts';
import { startRegistry, type RegistryServer } from '../support/registry-server.ts';

const PLATFORMS = ['--platform', 'linux/amd64,linux/arm64'];
const DOCKERFILE = `FROM --platform=$BUILDPLATFORM alpine AS build
RUN echo "on $(uname -m)" > /shared
FROM build AS compile
ARG TARGETOS TARGETARCH
RUN echo "for $TARGETOS/$TARGETARCH on $(uname -m)" > /made
FROM alpine
COPY --from=build /shared /
COPY --from=compile /made /
RUN uname -m > /ran
CMD ["cat", "/shared", "/made", "/ran"]
`;
let target: RegistryServer;
let rig: BaseRig;
/** Of the registry that is pushed to. */
let host: string;
let app: string;
let built: CommandResult;

beforeAll(async () => {
  target = await startRegistry();
  rig = await openBaseRig({ images: ['alpine:latest'] });
  host = target.host;
  app = `${host}/app:1`;
  const context = rig.context({ Dockerfile: DOCKERFILE });
  const outputs = [`type=oci,dest=${rig.dir}/app.tar`, `type=local,dest=${rig.dir}/files`];
  const words = ['build', '--progress', 'plain', ...PLATFORMS, '-t', app, '--push'];
  built = await succeed([...words, ...outputs.flatMap((output) => ['-o', output]), context]);
});

afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  await target[Symbol.asyncDispose]();
});

async function succeed(words: readonly string[], at: Rig = rig): Promise<CommandResult> {
  const result = await at.run(words);
  expect(result.status, result.stderr).toBe(0);
  return result;
}

function tool(program: string, ...words: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(program, words, { encoding: 'utf8' });
  expect(status, `${program} ${words.join(' ')}: ${stderr}`).toBe(0);
  return stdout;
}

/** The architectures that an index lists. */
function architectures(json: string): readonly (string | undefined)[] {
  const { manifests } = JSON.parse(json) as {
    readonly manifests: readonly { readonly platform?: { readonly architecture: string } }[];
  };
  return manifests.map(({ platform }) => platform?.architecture);
}

describe('A build for two platforms', () => {
  test('runs what they share once, and names the platform of each step', () => {
    const steps = built.stderr.match(/^#\d+ \[linux.*\] RUN/gm) ?? [];
    const names = new Set(steps.map((line) => line.replace(/^#\d+ (\[[^\]]*\]).*/, '$1')));
    expect([...names].sort()).toEqual([
      '[linux/amd64 build 2/2]',
      '[linux/amd64 compile 1/1]',
      '[linux/amd64 stage-2 4/4]',
      '[linux/amd64->arm64 compile 1/1]',
      '[linux/arm64 stage-2 4/4]',
    ]);
  });

  test.each([
    ['linux/amd64', 'on x86_64\nfor linux/amd64 on x86_64\nx86_64\n'],
    ['linux/arm64', 'on x86_64\nfor linux/arm64 on x86_64\naarch64\n'],
  ])('gives one name that runs for %s', async (platform, output) => {
    expect((await succeed(['run', '--rm', '--platform', platform, app])).stdout).toBe(output);
  });

  test('is one image for the commands of the store', async () => {
    const listed = await succeed(['images', '--format', '{{.Repository}}:{{.Tag}}']);
    expect(listed.stdout).toBe(`${app}\n`);
    const [seen] = JSON.parse((await succeed(['inspect', app])).stdout) as [object];
    expect(seen).toMatchObject({
      Architecture: 'amd64',
      RepoTags: [app],
      Manifests: [{ Available: true }, { ImageData: { Platform: { architecture: 'arm64' } } }],
    });
    const words = ['--platform', 'linux/arm64', '--format', '{{.Architecture}}', app];
    expect((await succeed(['inspect', ...words])).stdout).toBe('arm64\n');
    const missing = await rig.run(['history', '--platform', 'linux/s390x', app]);
    expect(missing.status).toBe(3);
    expect(missing.stderr).toContain('it has linux/amd64, linux/arm64');
  });

  test('is an index for other tools', async () => {
    const raw = tool('skopeo', 'inspect', '--tls-verify=false', '--raw', `docker://${app}`);
    expect(architectures(raw)).toEqual(['amd64', 'arm64']);
    const layout = join(rig.dir, 'layout');
    tool('skopeo', 'copy', '--all', `oci-archive:${rig.dir}/app.tar`, `oci:${layout}:app`);
    const inspect = ['buildx', 'imagetools', 'inspect', '--raw', app];
    expect((await succeed(inspect)).stdout).toBe(raw);
  });

  test.each([
    ['linux_amd64', 'x86_64\n'],
    ['linux_arm64', 'aarch64\n'],
  ])('writes its files to %s', (name, machine) => {
    expect(readFileSync(join(rig.dir, 'files', name, 'ran'), 'utf8')).toBe(machine);
  });

  test('goes through archives and registries with all its platforms', async () => {
    const saved = join(rig.dir, 'saved.tar');
    await succeed(['save', '-o', saved, app]);
    await using elsewhere = rig.elsewhere();
    await succeed(['load', '-i', saved], elsewhere);
    const run = ['run', '--rm', '--platform', 'linux/arm64', app, 'cat', '/ran'];
    expect((await succeed(run, elsewhere)).stdout).toBe('aarch64\n');
    const pulled = await succeed(['pull', ...PLATFORMS, app], elsewhere);
    expect(pulled.stdout.trim().split('\n')).toHaveLength(2);
    expect((await succeed(['rmi', app], elsewhere)).stdout).toContain(`Untagged: ${app}`);
  });

  test('is refused where an output holds one image', async () => {
    const context = rig.context({ Dockerfile: 'FROM scratch\nLABEL a=b\n' });
    const output = `type=docker,dest=${rig.dir}/x.tar`;
    const { status, stderr } = await rig.run(['build', ...PLATFORMS, '-o', output, context]);
    expect(status).toBe(2);
    expect(stderr).toContain('docker exporter does not currently support exporting manifest lists');
  });
});

test('images that were built apart are joined under one name', async () => {
  const list = `${host}/joined:1`;
  for (const name of ['amd64', 'arm64']) {
    const context = rig.context({ Dockerfile: `FROM alpine\nRUN echo ${name} > /name\n` });
    const platform = ['--platform', `linux/${name}`];
    await succeed(['build', ...platform, '-t', `${host}/part:${name}`, '--push', context]);
  }
  const parts = [`${host}/part:amd64`, `${host}/part:arm64`];
  await succeed(['manifest', 'create', list, ...parts]);
  const again = await rig.run(['manifest', 'create', list, ...parts]);
  expect(again.stderr).toContain('error[MANIFEST_LIST_EXISTS]');
  await succeed(['manifest', 'annotate', '--variant', 'v8', list, `${host}/part:arm64`]);
  expect((await succeed(['manifest', 'inspect', list])).stdout).toContain('"variant": "v8"');
  const pushed = await succeed(['manifest', 'push', '--purge', list]);
  const raw = tool('skopeo', 'inspect', '--tls-verify=false', '--raw', `docker://${list}`);
  expect(architectures(raw)).toEqual(['amd64', 'arm64']);
  expect(pushed.stdout).toMatch(/^sha256:[0-9a-f]{64}\n$/);
  const run = ['run', '--rm', '--platform', 'linux/arm64', list, 'cat', '/name'];
  expect((await succeed(run)).stdout).toBe('arm64\n');
  const gone = await rig.run(['manifest', 'rm', list]);
  expect(gone.stderr).toContain('error[MANIFEST_LIST_NOT_FOUND]');
  await succeed(['buildx', 'imagetools', 'create', '-t', `${host}/tools:1`, ...parts]);
  const tools = await succeed(['manifest', 'inspect', `${host}/tools:1`]);
  expect(architectures(tools.stdout)).toEqual(['amd64', 'arm64']);
  const format =
    '{{.Manifest.Digest}}{{range $name, $image := .Image}} {{$name}}={{$image.OS}}{{end}}';
  const inspect = ['buildx', 'imagetools', 'inspect', '--format', format];
  const { stdout } = await succeed([...inspect, `${host}/tools:1`]);
  expect(stdout).toMatch(/^sha256:[0-9a-f]{64} linux\/amd64=linux linux\/arm64=linux\n$/);
});
