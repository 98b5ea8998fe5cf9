import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { digestOf } from '../../src/core/sha256.ts';
import { openBaseRig, type BaseRig } from '../support/base-rig.ts';
import { startRegistry, type RegistryServer } from '../support/registry-server.ts';

let target: RegistryServer;
let rig: BaseRig;

beforeAll(async () => {
  target = await startRegistry();
  rig = await openBaseRig();
});

afterAll(async () => {
  await rig[Symbol.asyncDispose]();
  await target[Symbol.asyncDispose]();
});

test('a build pushes its image under every name, and a build elsewhere starts from it', async () => {
  const host = target.host;
  const context = rig.context({
    Dockerfile:
      'FROM busybox AS b\nRUN echo one > /one\nFROM b\nRUN echo two > /two\nCMD ["cat"]\n',
  });
  const tags = ['-t', `${host}/team/app:1`, '-t', `${host}/other/app:2`];
  const built = await rig.run(['build', ...tags, '-o', 'type=registry', context]);
  expect(built.status, built.stderr).toBe(0);

  for (const name of ['team/app:1', 'other/app:2']) {
    const inspect = ['inspect', '--tls-verify=false', `docker://${host}/${name}`];
    const seen = spawnSync('skopeo', inspect, { encoding: 'utf8' });
    expect(seen.status, seen.stderr).toBe(0);
    expect(JSON.parse(seen.stdout)).toMatchObject({ Architecture: 'amd64', Os: 'linux' });
  }

  await using elsewhere = rig.elsewhere();
  const next = elsewhere.context({
    Dockerfile: `FROM ${host}/team/app:1\nRUN cat /one /two > /three && grep -q two /three\n`,
  });
  const again = await elsewhere.run(['build', '-t', 'next', next]);
  expect(again.status, again.stderr).toBe(0);
  const ran = await elsewhere.run(['run', '--rm', 'next', 'cat', '/three']);
  expect(ran).toMatchObject({ status: 0, stdout: 'one\ntwo\n' });
});

test('--metadata-file has the keys of buildx', async () => {
  const name = `${target.host}/team/told:1`;
  const context = rig.context({ f: 'x', Dockerfile: 'FROM scratch\nCOPY f /\n' });
  const path = join(rig.dir, 'metadata.json');
  const words = ['build', '-t', name, '--push', '--metadata-file', path];
  const { status, stderr } = await rig.run([...words, '--iidfile', join(rig.dir, 'iid'), context]);
  expect(status, stderr).toBe(0);
  const facts = JSON.parse(readFileSync(path, 'utf8')) as Record<string, unknown>;
  const raw = spawnSync('skopeo', ['inspect', '--tls-verify=false', '--raw', `docker://${name}`]);
  const id = readFileSync(join(rig.dir, 'iid'), 'utf8');
  expect(facts).toEqual({
    'buildx.build.ref': expect.stringMatching(/^stagecraft\/stagecraft\/[0-9a-z-]+$/) as unknown,
    'containerimage.config.digest': id,
    'containerimage.digest': digestOf(raw.stdout),
    'containerimage.descriptor': {
      mediaType: 'application/vnd.oci.image.manifest.v1+json',
      digest: digestOf(raw.stdout),
      size: raw.stdout.length,
      platform: { architecture: 'amd64', os: 'linux' },
    },
    'image.name': name,
  });
  const [, , build = ''] = String(facts['buildx.build.ref']).split('/');
  expect((await rig.run(['builds'])).stdout).toContain(build);
});

test('an image of many layers goes out and comes in without a word on standard error', async () => {
  const layers = Array.from({ length: 30 }, (_, i) => `COPY f /${String(i)}`);
  const context = rig.context({ f: 'x', Dockerfile: `FROM scratch\n${layers.join('\n')}\n` });
  const name = `${target.host}/team/many:1`;
  const built = await rig.run(['build', '-q', '-t', name, '--push', context]);
  expect(built, built.stderr).toMatchObject({ status: 0, stderr: '' });
  await using elsewhere = rig.elsewhere();
  const pulled = await elsewhere.run(['pull', '-q', name]);
  expect(pulled, pulled.stderr).toMatchObject({ status: 0, stdout: `${name}\n`, stderr: '' });
});

test('a push that cannot be made says why', async () => {
  const context = rig.context({ Dockerfile: 'FROM scratch\nLABEL a=b\n' });
  const name = '127.0.0.1:1/app';
  const built = await rig.run(['build', '-t', name, '-o', 'type=registry', context]);
  expect(built.status).toBe(5);
  expect(built.stderr).toContain(
    'error[REGISTRY_UNREACHABLE]: Cannot reach registry "127.0.0.1:1": the connection is refused',
  );
});

test('push sends all tags of a repository when it is told to, and nothing by the beginning of an id', async () => {
  const name = `${target.host}/several`;
  const context = rig.context({ Dockerfile: 'FROM scratch\nCOPY Dockerfile /\n' });
  const tags = ['b', 'a'].flatMap((tag) => ['-t', `${name}:${tag}`]);
  const built = await rig.run(['build', '-q', ...tags, '-t', `${name}er:c`, context]);
  expect(built.status, built.stderr).toBe(0);
  const pushed = await rig.run(['push', '-q', '--all-tags', name]);
  expect(pushed).toMatchObject({ status: 0, stdout: `${name}:a\n${name}:b\n`, stderr: '' });
  expect((await rig.run(['list-tags', name])).stdout).toBe('a\nb\n');
  const one = await rig.run(['push', '-a', `${name}:a`]);
  expect(one.stderr).toContain(`Cannot use "--all-tags" with "${name}:a": it names one tag`);
  const short = built.stdout.slice('sha256:'.length, 'sha256:'.length + 8);
  const byId = await rig.run(['push', short]);
  expect([byId.status, byId.stderr]).toEqual([
    3,
    `error[IMAGE_NOT_FOUND]: Cannot find image "${short}": there is no image of that name in the local store\n` +
      '  hint: Give the image a name with "stagecraft tag".\n',
  ]);
});

test('a tag beside a digest counts for nothing once the image is here, as with Docker', async () => {
  const name = `${target.host}/pinned`;
  const context = rig.context({ Dockerfile: 'FROM scratch\nCOPY Dockerfile /\n' });
  const metadata = join(rig.dir, 'pinned.json');
  const words = ['build', '-q', '--push', '--metadata-file', metadata, '-t', `${name}:1`, context];
  expect((await rig.run(words)).status).toBe(0);
  const facts = JSON.parse(readFileSync(metadata, 'utf8')) as Record<string, string>;
  const digest = facts['containerimage.digest'] ?? '';

  await using elsewhere = rig.elsewhere();
  const pulled = await elsewhere.run(['pull', '-q', `${name}:no@${digest}`]);
  expect(pulled.status, pulled.stderr).toBe(0);
  const rows = ['images', '--format', '{{.Repository}} {{.Tag}}'];
  expect((await elsewhere.run(rows)).stdout).toBe(`${name} <none>\n`);
  expect((await elsewhere.run(['pull', '-q', `${name}:1`])).status).toBe(0);
  expect((await elsewhere.run(rows)).stdout).toBe(`${name} 1\n`);
  const removed = await elsewhere.run(['rmi', `${name}:1`, `${name}:1@${digest}`]);
  expect(removed.stdout).toContain(`Untagged: ${name}:1\nUntagged: ${name}@${digest}\nDeleted: `);
});
