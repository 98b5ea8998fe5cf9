import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
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
test('C01, C09, C10 nothing outside a repository or an archive is reached through its links', async () => {
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
  const ignored = rig.context({ Dockerfile: 'FROM scratch\nCOPY . /\n' });
  execFileSync('ln', ['-s', join(rig.dir, 'secret'), join(ignored, '.dockerignore')]);
  const archive = execFileSync('tar', ['-c', '-C', ignored, '.']);
  const copied = await rig.run(['build', '-q', '-'], { input: archive });
  expect(copied.stderr).toBe('');
  // Half an archive is refused, and leaves nothing.
  const half = await rig.run(['build', '-'], { input: input.subarray(0, 600) });
  expect(half.stderr).toContain('error[CONTEXT_ARCHIVE_INVALID]');
  expect(readdirSync(join(rig.root, 'tmp'))).toEqual([]);
});

test.each([
  ['Dockerfile', ['build']],
  ['Dockerfile', ['build', '--check']],
  ['Dockerfile', ['build', '--call=outline']],
  ['.dockerignore', ['build']],
  ['.dockerignore', ['build', '--check']],
])(
  'C09 a %s that is a link out of the context shows nothing of that file: %j',
  async (name, words) => {
    writeFileSync(join(rig.dir, 'shadow'), 'root:$6$[canary:x\nTOKEN=canary\n');
    const context = rig.context({ 'other.Dockerfile': 'FROM scratch\nCOPY . /\n' });
    const dockerfile = name === 'Dockerfile' ? [] : ['-f', join(context, 'other.Dockerfile')];
    symlinkSync('../shadow', join(context, name));
    const { status, stdout, stderr } = await rig.run([...words, ...dockerfile, context]);
    expect(stderr).toBe(
      `error[DOCKERFILE_UNREADABLE]: Cannot read Dockerfile "${name}": it is a link out of the build context, to a file with mistakes that are not shown\n` +
        '  hint: Put a copy in the place of the link to see them\n',
    );
    expect([status, stdout]).toEqual([3, '']);
  },
);

// CVE-2026-44517: what the first answer left took what the second one had.
test('C03 half an archive from a server leaves nothing that a Dockerfile of the next answer goes through', async () => {
  const place = join(rig.dir, 'place');
  mkdirSync(place);
  symlinkSync(join(place, 'taken'), join(place, 'Dockerfile'));
  const archive = execFileSync('tar', ['-c', '-C', place, 'Dockerfile']);
  const half = Buffer.concat([archive.subarray(0, 512), Buffer.alloc(2048, 'x')]);
  const answers = [half, Buffer.from('FROM scratch\nLABEL from=second\n')];
  const server = createServer((_, response) => void response.end(answers.shift()));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/context`;
  try {
    const first = await rig.run(['build', url]);
    expect(first.stderr).toContain('error[CONTEXT_ARCHIVE_INVALID]');
    expect(first.status).toBe(3);
    const second = await rig.run(['build', '-q', url]);
    expect(second.status, second.stderr).toBe(0);
  } finally {
    server.close();
  }
  expect(readdirSync(place)).toEqual(['Dockerfile']);
});
