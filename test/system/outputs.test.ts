import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { openBaseRig, type BaseRig } from '../support/base-rig.ts';
import { openRig } from '../support/cli.ts';

let rig: BaseRig;
let context: string;

const DOCKERFILE = `FROM busybox AS builder
RUN echo built > /out.txt && chmod 640 /out.txt && chown 7:8 /out.txt
FROM busybox
COPY --from=builder /out.txt /app/
RUN ln -s out.txt /app/link && ln /app/out.txt /app/same && rm /bin/ar
ENV WHO=image
USER 7:8
WORKDIR /app
LABEL kind=test
ENTRYPOINT ["sh", "-c"]
CMD ["echo $WHO; id -u; cat out.txt; ls /bin/ar || true"]
`;
/** What the image prints in every engine. */
const PRINTED = 'image\n7\nbuilt\n';

beforeAll(async () => {
  rig = await openBaseRig();
  context = rig.context({ Dockerfile: DOCKERFILE });
});

afterAll(async () => {
  await rig[Symbol.asyncDispose]();
});

/** Builds into an output; gives its path. */
async function buildTo(name: string, type: string): Promise<string> {
  const path = join(rig.dir, name);
  const words = ['build', '-t', 'example.com/team/app:1', '-o', `${type},dest=${path}`, context];
  const { status, stderr } = await rig.run(words);
  expect(status, stderr).toBe(0);
  return path;
}

/** Runs another tool, which must succeed; gives what it prints. */
function tool(program: string, ...words: string[]): string {
  const result = spawnSync(program, words, { encoding: 'utf8', cwd: rig.dir });
  expect(result.status, `${program} ${words.join(' ')}\n${result.stderr}`).toBe(0);
  return result.stdout;
}

function isInstalled(program: string): boolean {
  return spawnSync(program, ['--version'], { stdio: 'ignore' }).status === 0;
}

test('The image runs in the local store', async () => {
  expect((await rig.run(['build', '-t', 'own', context])).status).toBe(0);
  const { status, stdout } = await rig.run(['run', '--rm', 'own']);
  expect({ status, stdout }).toEqual({ status: 0, stdout: PRINTED });
});

test('type=oci is a layout that skopeo and umoci take', async () => {
  const archive = await buildTo('image.tar', 'type=oci');
  const inspected = JSON.parse(tool('skopeo', 'inspect', '--config', `oci-archive:${archive}`)) as {
    config: Record<string, unknown>;
  };
  expect(inspected.config).toMatchObject({
    User: '7:8',
    WorkingDir: '/app',
    Labels: { kind: 'test' },
    Entrypoint: ['sh', '-c'],
  });
  tool('skopeo', 'copy', `oci-archive:${archive}`, `oci:${join(rig.dir, 'copied')}:latest`);
  tool('umoci', 'unpack', '--image', 'copied:latest', 'bundle');
  const app = join(rig.dir, 'bundle/rootfs/app');
  expect(readFileSync(join(app, 'link'), 'utf8')).toBe('built\n');
  expect(statSync(join(app, 'out.txt'))).toMatchObject({ uid: 7, gid: 8, mode: 0o100640 });
  expect(statSync(join(app, 'same')).ino).toBe(statSync(join(app, 'out.txt')).ino);
  expect(existsSync(join(rig.dir, 'bundle/rootfs/bin/ar'))).toBe(false);
});

test('type=oci,tar=false is a directory that umoci takes', async () => {
  const layout = await buildTo('layout', 'type=oci,tar=false');
  const { manifests } = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as {
    manifests: { annotations?: Record<string, string> }[];
  };
  expect(manifests).toHaveLength(1);
  const name = manifests[0]?.annotations?.['org.opencontainers.image.ref.name'] ?? '';
  expect(tool('umoci', 'stat', '--image', `layout:${name}`)).toContain('LAYER');
});

test('type=docker is an archive that skopeo takes, with its tag', async () => {
  const archive = await buildTo('docker.tar', 'type=docker');
  expect(tool('skopeo', 'list-tags', `docker-archive:${archive}`)).toContain(
    'example.com/team/app:1',
  );
  tool('skopeo', 'copy', `docker-archive:${archive}`, `dir:${join(rig.dir, 'as-dir')}`);
});

// A daemon is nothing that a test can expect; podman needs none.
test.skipIf(!isInstalled('podman'))('podman loads both archives and runs them', async () => {
  const storage = join(rig.dir, 'podman');
  mkdirSync(storage);
  const globals = [
    ...['--root', join(storage, 'root'), '--runroot', join(storage, 'run')],
    ...['--storage-driver', 'vfs', '--events-backend', 'file'],
    ...['--runtime', 'runc', '--cgroup-manager', 'cgroupfs'],
  ];
  const podman = (...words: string[]): string => tool('podman', ...globals, ...words);
  // Podman's own limits may be above what this machine allows.
  const limits = ['--ulimit=nofile=1024:1024', '--ulimit=nproc=1024:1024'];
  const flags = ['--rm', '--network=none', ...limits];
  for (const type of ['docker', 'oci']) {
    const archive = await buildTo(`podman-${type}.tar`, `type=${type}`);
    expect(podman('load', '-i', archive)).toContain('example.com/team/app:1');
    expect(podman('run', ...flags, 'example.com/team/app:1')).toBe(PRINTED);
    podman('rmi', '-f', 'example.com/team/app:1');
  }
});

test('type=local and type=tar are the files of the image', async () => {
  const local = await buildTo('files', 'type=local');
  expect(readFileSync(join(local, 'app/out.txt'), 'utf8')).toBe('built\n');
  expect(existsSync(join(local, 'bin/ar'))).toBe(false);
  const archive = await buildTo('files.tar', 'type=tar');
  const listed = tool('tar', '-tvf', archive, '--numeric-owner');
  expect(listed).toMatch(/^-rw-r----- 7\/8 +6 .* app\/out\.txt$/m);
  expect(listed).not.toMatch(/ bin\/ar$/m);
});

test('The same input gives the same bytes', async () => {
  const env = { SOURCE_DATE_EPOCH: '1700000000' };
  const archives: Buffer[] = [];
  for (const name of ['first', 'second']) {
    const other = openRig({ mirror: rig.mirror, env });
    try {
      const path = join(rig.dir, `${name}.tar`);
      const { status, stderr } = await other.run(['build', '-o', `type=oci,dest=${path}`, context]);
      expect(status, stderr).toBe(0);
      archives.push(readFileSync(path));
    } finally {
      await other[Symbol.asyncDispose]();
    }
  }
  expect(archives[0]?.equals(archives[1] ?? Buffer.alloc(0))).toBe(true);
});

test('An image whose times were clamped is a base like any other, and can be saved later', async () => {
  const env = { SOURCE_DATE_EPOCH: '1000000000' };
  const first = await rig.run(['build', '-t', 'clamped', context], { env });
  expect(first.status, first.stderr).toBe(0);
  const child = rig.context({ Dockerfile: 'FROM clamped\nRUN ["ls", "/app"]\n' });
  const second = await rig.run(['build', '-t', 'child', child]);
  expect(second.status, second.stderr).toBe(0);
  for (const name of ['clamped', 'child']) {
    const path = join(rig.dir, `${name}.tar`);
    expect(await rig.run(['save', '-o', path, name])).toMatchObject({ status: 0, stderr: '' });
    // Reads each layer and compares it with the config.
    tool('skopeo', 'copy', `docker-archive:${path}`, `dir:${join(rig.dir, name)}`);
  }
});

test('An imported archive is a base like any other', async () => {
  const archive = join(rig.dir, 'files.tar');
  tool('tar', '-C', '/bin', '-cf', archive, 'busybox');
  const imported = await rig.run(['import', archive, 'imported']);
  expect(imported.status, imported.stderr).toBe(0);
  const child = rig.context({ Dockerfile: 'FROM imported\nRUN ["/busybox", "touch", "/made"]\n' });
  const built = await rig.run(['build', '--no-cache', child]);
  expect(built.status, built.stderr).toBe(0);
});
