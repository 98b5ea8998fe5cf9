import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { commitFiles, startGitServer, type GitServer } from '../../src/testing/git-server.ts';
import { buildWithEvents } from '../support/build-events.ts';
import { openRig, type Rig } from '../support/cli.ts';
import { startFileServer, type FileServer } from '../support/file-server.ts';

let rig: Rig;
let git: GitServer;
let files: FileServer;
let commit: string;

const HELLO_DIGEST = 'sha256:5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03';

beforeAll(async () => {
  rig = openRig();
  const served = join(rig.dir, 'served');
  const inner = commitFiles(join(served, 'inner.git'), { inner: 'inner\n' });
  commit = commitFiles(
    join(served, 'app.git'),
    {
      Dockerfile: 'FROM scratch\nCOPY . /all\nCOPY --from=files hello /\n',
      'api/Dockerfile': 'FROM scratch\nCOPY run.sh /\n',
      'api/run.sh': '#!/bin/sh\n',
      '.dockerignore': '*\n',
      sub: { commit: inner },
      '.gitmodules': '[submodule "s"]\n\tpath = sub\n\turl = ../inner.git\n',
      out: { link: '/' },
    },
    { tag: 'v1' },
  );
  git = await startGitServer(served);
  files = await startFileServer({
    '/hello': 'hello\n',
    '/Dockerfile': 'FROM scratch\nADD hello /\n',
  });
});

afterAll(async () => {
  await git[Symbol.asyncDispose]();
  await files[Symbol.asyncDispose]();
  await rig[Symbol.asyncDispose]();
});

/** Builds into a directory and lists it: path, mode and size of everything but directories. */
async function built(
  words: readonly string[],
  input?: string | Uint8Array,
): Promise<readonly string[]> {
  const out = join(rig.dir, `out-${String(outs++)}`);
  const line = ['build', '-o', out, ...words];
  const { status, stderr } = await rig.run(line, input === undefined ? {} : { input });
  expect(status, stderr).toBe(0);
  const list = execFileSync('find', ['.', '!', '-type', 'd', '-printf', '%P %m %s\n'], {
    cwd: out,
  });
  return list.toString().trim().split('\n').sort();
}
let outs = 0;

test('ADD takes files and repositories from elsewhere, and asks before it fetches again', async () => {
  const dockerfile = [
    'FROM scratch',
    `ADD ${files.url}/hello /plain/`,
    `ADD --chmod=755 --checksum=${HELLO_DIGEST} ${files.url}/hello /checked`,
    `ADD ${git.url}/app.git#v1 /repository`,
    `ADD --keep-git-dir ${git.url}/app.git#${commit}:api /api`,
    'COPY <<EOF /end',
    'EOF',
  ];
  const context = rig.context({ Dockerfile: dockerfile.join('\n') });
  const listed = await built([context]);
  expect(listed).toEqual([
    'api/Dockerfile 644 27',
    'api/run.sh 755 10',
    'checked 755 6',
    'end 644 0',
    'plain/hello 600 6',
    'repository/.dockerignore 644 2',
    'repository/.gitmodules 644 48',
    'repository/Dockerfile 644 51',
    'repository/api/Dockerfile 644 27',
    'repository/api/run.sh 755 10',
    'repository/out 777 1',
    'repository/sub/inner 644 6',
  ]);
  const again = await buildWithEvents(rig, [context]);
  expect({ status: again.status, started: again.started }).toEqual({ status: 0, started: [] });
});

test('a moved branch is noticed, and nothing else runs again', async () => {
  const path = join(rig.dir, 'served', 'moving.git');
  commitFiles(path, { f: 'one' });
  const context = rig.context({
    Dockerfile: `FROM scratch\nCOPY a /\nADD ${git.url}/moving.git#main /r\n`,
    a: 'a',
  });
  await buildWithEvents(rig, [context]);
  commitFiles(path, { f: 'two' });
  const { started } = await buildWithEvents(rig, [context]);
  expect(started.filter((name) => name.includes('COPY a'))).toEqual([]);
  expect(started.filter((name) => name.includes('ADD')).length).toBe(2);
});

test('a repository is a build context, with the Dockerfile in it and no ignore file', async () => {
  const hello = rig.context({ hello: 'hello\n' });
  const words = ['--build-context', `files=${hello}`, `${git.url}/app.git`];
  expect(await built(words)).toContain('all/.dockerignore 644 2');
  expect(await built([`${git.url}/app.git#v1:api`])).toEqual(['run.sh 755 10']);
  // There is nothing above the directory.
  const above = ['-f', '../../Dockerfile', `${git.url}/app.git#v1:api`];
  expect(await built(above)).toEqual(['run.sh 755 10']);
});

test('archives, Dockerfiles and URLs are build contexts', async () => {
  const context = rig.context({
    Dockerfile: 'FROM scratch\nCOPY . /x\n',
    Other: 'FROM scratch\nCOPY a /other\n',
    a: 'a',
    '.dockerignore': 'a\n',
  });
  for (const flag of ['', '-z', '-j', '-J', '--zstd']) {
    const packed = flag === '' ? [] : [flag];
    const archive = execFileSync('tar', [...packed, '-c', '-C', context, '.']);
    expect(await built(['-'], archive)).toContain('x/a 644 1');
    expect(await built(['-f', 'Other', '-'], archive)).toEqual(['other 644 1']);
  }
  const text = 'FROM scratch\nCOPY a /from-stdin\n';
  expect(await built(['-f', '-', rig.context({ a: 'a' })], text)).toEqual(['from-stdin 644 1']);
  const alone = await rig.run(['build', `${files.url}/Dockerfile`]);
  expect(alone.stderr).toContain('error[COPY_SOURCE_NOT_FOUND]');
  expect(await built(['-f', `${files.url}/Dockerfile`, rig.context({ hello: '' })])).toEqual([
    'hello 644 0',
  ]);
});

test('named contexts of every kind stand in for stages and images', async () => {
  const layout = join(rig.dir, 'layout');
  const base = rig.context({ Dockerfile: 'FROM scratch\nCOPY l /\n', l: 'layout' });
  const made = await rig.run([
    'build',
    '-t',
    'based:v1',
    '-o',
    `type=oci,tar=false,dest=${layout}`,
    base,
  ]);
  expect(made.status, made.stderr).toBe(0);
  const index = JSON.parse(readFileSync(join(layout, 'index.json'), 'utf8')) as {
    manifests: { digest: string }[];
  };
  const digest = index.manifests[0]?.digest ?? '';
  const context = rig.context({
    Dockerfile: [
      'FROM local AS stage',
      'FROM scratch',
      'COPY --from=stage / /directory/',
      'COPY --from=repository /api/run.sh /repository/',
      'COPY --from=url / /url/',
      'COPY --from=layout / /layout/',
      'COPY --from=image / /image/',
    ].join('\n'),
  });
  const directory = rig.context({ d: 'd' });
  const named = {
    local: directory,
    repository: `${git.url}/app.git#v1`,
    url: `${files.url}/hello`,
    layout: `oci-layout://${layout}@${digest}`,
    image: 'docker-image://based:v1',
  };
  const words = Object.entries(named).flatMap(([name, value]) => [
    '--build-context',
    `${name}=${value}`,
  ]);
  const listed = await built([...words, context]);
  expect(listed).toEqual([
    'directory/d 644 1',
    'image/l 644 6',
    'layout/l 644 6',
    'repository/run.sh 755 10',
    'url/hello 600 6',
  ]);
});

test('SOURCE_DATE_EPOCH can be the time of the context, of a stage or of a named context', async () => {
  const created = async (
    words: readonly string[],
    options: { readonly input?: Uint8Array; readonly env?: Record<string, string> } = {},
  ): Promise<string> => {
    const { status, stderr } = await rig.run(['build', '-t', 'dated', ...words], options);
    expect(status, stderr).toBe(0);
    const inspected = await rig.run(['inspect', '--format', '{{.Created}}', 'dated']);
    return inspected.stdout.trim();
  };
  const commitTime = '2023-11-14T22:13:20Z';
  const argument = ['--build-arg', 'SOURCE_DATE_EPOCH=context'];
  expect(await created([...argument, `${git.url}/app.git#v1:api`])).toBe(commitTime);

  const lines = [
    'FROM scratch',
    'ARG SOURCE_DATE_EPOCH',
    'LABEL at=$SOURCE_DATE_EPOCH',
    'COPY . /',
  ];
  const context = rig.context({ Dockerfile: lines.join('\n') });
  utimesSync(join(context, 'Dockerfile'), 1_600_000_000, 1_600_000_000);
  const input = execFileSync('tar', ['-z', '-c', '-C', context, '.']);
  const flag = ['--source-date-epoch', 'context'];
  expect(await created([...flag, '-'], { input })).toBe('2020-09-13T12:26:40Z');
  const label = await rig.run(['inspect', '--format', '{{.Config.Labels.at}}', 'dated']);
  expect(label.stdout).toBe('1600000000\n');

  const named = ['--build-context', `code=${git.url}/app.git`, context];
  expect(await created(named, { env: { SOURCE_DATE_EPOCH: 'code' } })).toBe(commitTime);
  const stages = [
    'ARG SOURCE_DATE_EPOCH=code',
    'FROM scratch AS code',
    `ADD ${git.url}/app.git#v1 /`,
    'FROM scratch',
    'COPY --from=code /api /api',
  ];
  expect(await created([rig.context({ Dockerfile: stages.join('\n') })])).toBe(commitTime);

  const directory = await rig.run(['build', ...argument, context]);
  expect(directory).toMatchObject({ status: 0 });
  expect(directory.stderr).toContain(
    'SOURCE_DATE_EPOCH is "context", which has no time of its own',
  );
});

// CVE-2026-44517, and moby's rule that a build never sees what is outside its context.
test('nothing outside a repository or an archive is reached through its links', async () => {
  writeFileSync(join(rig.dir, 'secret'), 'canary');
  const dockerfile = `FROM scratch\nADD ${git.url}/app.git#main:out${rig.dir} /x\n`;
  const add = await rig.run(['build', rig.context({ Dockerfile: dockerfile })]);
  expect(add).toMatchObject({ status: 3 });
  expect(add.stderr).toContain('error[GIT_SUBDIR_NOT_FOUND]');

  const context = rig.context({ a: '' });
  execFileSync('ln', ['-s', join(rig.dir, 'secret'), join(context, 'Dockerfile')]);
  const input = execFileSync('tar', ['-c', '-C', context, '.']);
  const linked = await rig.run(['build', '-'], { input });
  expect(linked).toMatchObject({ status: 3 });
  expect(linked.stderr).toContain('error[DOCKERFILE_NOT_FOUND]');
  const above = await rig.run(['build', '-f', '../../secret', '-'], { input });
  expect(above.stderr).toContain('error[DOCKERFILE_NOT_FOUND]');
  // Half an archive is refused, and leaves nothing.
  const half = await rig.run(['build', '-'], { input: input.subarray(0, 600) });
  expect(half.stderr).toContain('error[CONTEXT_ARCHIVE_INVALID]');
  expect(readdirSync(join(rig.root, 'tmp'))).toEqual([]);
});
