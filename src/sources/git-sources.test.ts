import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { commitFiles, startGitServer, type GitServer } from '../testing/git-server.ts';
import { rejectionOf, textsOf } from '../testing/build-errors.ts';
import { openRemoteSources, type GitSource, type RemoteSources } from './remote-sources.ts';

const { signal } = new AbortController();

let dir: string;
let server: GitServer;
let sources: RemoteSources;
let secrets: Record<string, string>;

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'git-sources-'));
  mkdirSync(join(dir, 'tmp'));
  server = await startGitServer(join(dir, 'served'));
  secrets = {};
  sources = open({ PATH: process.env['PATH'] });
});

afterEach(async () => {
  await sources[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
  expect(readdirSync(join(dir, 'tmp'))).toEqual([]);
  rmSync(dir, { recursive: true });
});

function open(env: Readonly<Record<string, string | undefined>>): RemoteSources {
  return openRemoteSources({
    env,
    homeDir: dir,
    directory: join(dir, 'kept'),
    openScratch: () => {
      const path = mkdtempSync(join(dir, 'tmp/'));
      const remove = (): void => {
        rmSync(path, { recursive: true });
      };
      return { path, [Symbol.asyncDispose]: () => Promise.resolve().then(remove) };
    },
    secret: (id) => (secrets[id] === undefined ? undefined : Buffer.from(secrets[id])),
    sshSocket: () => Promise.resolve(undefined),
    lock: () => Promise.resolve({ [Symbol.asyncDispose]: () => Promise.resolve() }),
    hold: () => Promise.resolve({ [Symbol.asyncDispose]: () => Promise.resolve() }),
    now: () => 1_600_000_000_000,
  });
}

function repository(name: string): string {
  return join(dir, 'served', name);
}

function source(name: string, more: Partial<GitSource> = {}): GitSource {
  const remote = `${server.url}/${name}`;
  return { type: 'git', remote, ref: undefined, subdir: undefined, keepsGitDir: false, ...more };
}

/** Files by path, each with what tells it apart. */
async function take(from: GitSource): Promise<Record<string, string>> {
  const pin = await sources.pinGit(from, signal);
  const files: Record<string, string> = {};
  const gitDir = join(dir, 'own-git-dir');
  const into = {
    gitDir,
    async unpack(
      at: string,
      entries: Parameters<Parameters<RemoteSources['takeGit']>[2]['unpack']>[1],
    ) {
      for await (const { entry, content } of entries) {
        const chunks: Uint8Array[] = [];
        for await (const chunk of content()) chunks.push(Uint8Array.from(chunk));
        const text =
          entry.type === 'symlink'
            ? `-> ${entry.linkName ?? ''}`
            : Buffer.concat(chunks).toString();
        const name = at === '' ? entry.name : `${at}/${entry.name}`;
        const mode = entry.mode.toString(8);
        files[name] =
          entry.type === 'directory' ? 'directory' : `${mode} ${text} ${String(entry.mtime)}`;
      }
    },
  };
  await sources.takeGit(from, pin, into, signal);
  return files;
}

const failure = async (work: Promise<unknown>): Promise<readonly string[]> =>
  textsOf(await rejectionOf(work));

describe('a repository', () => {
  test('is the files of its default branch, as a checkout has them', async () => {
    commitFiles(repository('r.git'), {
      'run.sh': '#!/bin/sh\n',
      'a/b.txt': 'x\n',
      '.gitattributes':
        '*.txt text eol=crlf\nleft-out export-ignore\nv export-subst\n* filter=evil\n',
      'left-out': 'y',
      v: '$Format:%H$',
      link: { link: '/etc/passwd' },
    });
    expect(await take(source('r.git'))).toEqual({
      '.gitattributes': expect.stringMatching(/^644 /) as string,
      'a/': 'directory',
      'a/b.txt': '644 x\r\n 1600000000',
      'left-out': '644 y 1600000000',
      link: '777 -> /etc/passwd 1600000000',
      'run.sh': '755 #!/bin/sh\n 1600000000',
      v: '644 $Format:%H$ 1600000000',
    });
  });

  test.each<[string, Partial<GitSource>, string]>([
    ['a branch', { ref: 'other' }, 'other'],
    ['a tag', { ref: 'v1' }, 'tagged'],
    ['the full name of a tag', { ref: 'refs/tags/v1' }, 'tagged'],
    ['a branch in preference to a tag', { ref: 'both' }, 'other'],
    ['the default branch', {}, 'main'],
  ])('has %s', async (_what, more, text) => {
    commitFiles(repository('r.git'), { f: 'tagged' }, { tag: 'v1' });
    commitFiles(repository('r.git'), { f: 'tagged' }, { tag: 'both' });
    commitFiles(repository('r.git'), { f: 'main' });
    commitFiles(repository('r.git'), { f: 'other' }, { branch: 'other' });
    commitFiles(repository('r.git'), { f: 'other' }, { branch: 'both' });
    expect(await take(source('r.git', more))).toEqual({ f: `644 ${text} 1600000000` });
  });

  test('is fetched once for each commit, and never again', async () => {
    const commit = commitFiles(repository('r.git'), { f: 'one' });
    await take(source('r.git', { ref: commit }));
    const { length } = server.requests;
    expect(length).toBeGreaterThan(0);
    expect(await take(source('r.git', { ref: commit }))).toEqual({ f: '644 one 1600000000' });
    expect(server.requests.length).toBe(length);
  });

  test('has an older commit too, with the time of the commit where that is asked for', async () => {
    const commit = commitFiles(repository('r.git'), { f: 'one' });
    commitFiles(repository('r.git'), { f: 'two' });
    const from = source('r.git', { ref: commit, usesCommitTime: true });
    expect(await take(from)).toEqual({ f: '644 one 1700000000' });
  });

  test('has the time of its commit, also when nothing was taken of it', async () => {
    commitFiles(repository('a.git'), { f: 'f' });
    const from = source('a.git');
    expect(await sources.commitTime(from, await sources.pinGit(from, signal), signal)).toBe(
      1_700_000_000,
    );
  });

  test('brings its submodules, at every depth, and those of relative addresses', async () => {
    const inner = commitFiles(repository('group/inner.git'), { i: 'inner' });
    const lib = commitFiles(repository('group/lib.git'), {
      l: 'lib',
      deep: { commit: inner },
      '.gitmodules': '[submodule "deep"]\n\tpath = deep\n\turl = ../inner.git\n',
    });
    commitFiles(repository('group/app.git'), {
      'vendor/lib': { commit: lib },
      '.gitmodules': `[submodule "x"]\n\tpath = vendor/lib\n\turl = ${server.url}/group/lib.git\n`,
    });
    const from = source('group/app.git');
    expect(Object.keys(await take(from)).filter((name) => !name.endsWith('/'))).toEqual([
      '.gitmodules',
      'vendor/lib/.gitmodules',
      'vendor/lib/l',
      'vendor/lib/deep/i',
    ]);
    expect(Object.keys(await take({ ...from, skipsSubmodules: true }))).not.toContain(
      'vendor/lib/l',
    );
    const below = await take({ ...from, subdir: 'vendor' });
    expect(Object.keys(below)).toContain('lib/deep/i');
  });

  test('keeps its .git where that is asked for, without password and hooks', async () => {
    const commit = commitFiles(repository('r.git'), { f: 'one' });
    const { remote } = source('r.git');
    await take(
      source('r.git', { remote: remote.replace('//', '//me:canary@'), keepsGitDir: true }),
    );
    const read = (name: string): string => readFileSync(join(dir, 'own-git-dir', name), 'utf8');
    expect(read('HEAD')).toBe(`${commit}\n`);
    expect(read('refs/heads/main')).toBe(`${commit}\n`);
    expect(read('config')).toContain(`url = ${remote}\n`);
    expect(read('config')).not.toContain('canary');
    expect(existsSync(join(dir, 'own-git-dir', 'hooks'))).toBe(false);
  });

  test('that was left half-made is made anew', async () => {
    commitFiles(repository('r.git'), { f: 'one' });
    await take(source('r.git'));
    const [name = ''] = readdirSync(join(dir, 'kept', 'git'));
    rmSync(join(dir, 'kept', 'git', name, 'objects'), { recursive: true });
    rmSync(join(dir, 'kept', 'git', name, 'HEAD'));
    expect(await take(source('r.git'))).toEqual({ f: '644 one 1600000000' });
  });

  test('is told who we are; submodules of other origins are not', async () => {
    await using other = await startGitServer(join(dir, 'served'));
    const lib = commitFiles(repository('lib.git'), { l: 'lib' });
    commitFiles(repository('app.git'), {
      lib: { commit: lib },
      '.gitmodules': `[submodule "x"]\n\tpath = lib\n\turl = ${other.url}/lib.git\n`,
    });
    secrets = { [`GIT_AUTH_TOKEN.${new URL(server.url).host}`]: 'canary' };
    await take(source('app.git'));
    const expected = `Basic ${Buffer.from('x-access-token:canary').toString('base64')}`;
    expect(new Set(server.requests.map(({ authorization }) => authorization))).toEqual(
      new Set([expected]),
    );
    expect(new Set(other.requests.map(({ authorization }) => authorization))).toEqual(
      new Set([undefined]),
    );
  });
});

describe('a repository that is refused', () => {
  const url = (name: string): string => `${server.url}/${name}`;

  test('without the branch', async () => {
    commitFiles(repository('r.git'), { f: 'x' }, { branch: 'main' });
    expect(await failure(take(source('r.git', { ref: 'mian' })))).toEqual([
      'GIT_REF_NOT_FOUND',
      `Cannot fetch "${url('r.git')}": the repository has no branch, tag or commit "mian"`,
      'Did you mean "main"?',
    ]);
  });

  test('without the commit', async () => {
    commitFiles(repository('r.git'), { f: 'x' });
    const ref = '0123456789'.repeat(4);
    expect(await failure(take(source('r.git', { ref })))).toEqual([
      'GIT_REF_NOT_FOUND',
      `Cannot fetch "${url('r.git')}": the repository has no branch, tag or commit "${ref}"`,
      '',
    ]);
  });

  test('that is not there', async () => {
    const [code, message] = await failure(take(source('none.git')));
    expect(code).toBe('GIT_FETCH_FAILED');
    expect(message).toBe(
      `Cannot fetch "${url('none.git')}": repository '${url('none.git')}/' not found`,
    );
  });

  test('with another commit than the checksum says', async () => {
    const commit = commitFiles(repository('r.git'), { f: 'x' });
    expect(await failure(take(source('r.git', { checksum: 'abcdef' })))).toEqual([
      'GIT_CHECKSUM_MISMATCH',
      `Cannot use "${url('r.git')}": it leads to commit "${commit}", and "abcdef" is expected`,
      'Correct the checksum, or name the commit itself after "#"',
    ]);
    expect(await take(source('r.git', { checksum: commit.slice(0, 8) }))).toHaveProperty('f');
  });

  test('on a machine without git', async () => {
    await sources[Symbol.asyncDispose]();
    sources = open({ PATH: join(dir, 'empty') });
    expect(await failure(take(source('r.git')))).toEqual([
      'GIT_MISSING',
      `Cannot fetch "${url('r.git')}": git is not installed`,
      'Install git on this machine',
    ]);
  });

  // CVE-2026-44517: a link of the repository in the path of the directory.
  test.each([
    ['proj/etc', 'the repository has no such directory'],
    ['proj', 'it is not a directory'],
    ['file', 'it is not a directory'],
    ['none', 'the repository has no such directory'],
  ])('C01 for its directory "%s"', async (subdir, found) => {
    commitFiles(repository('r.git'), { proj: { link: '/' }, file: 'x' });
    expect(await failure(take(source('r.git', { subdir })))).toEqual([
      'GIT_SUBDIR_NOT_FOUND',
      `Cannot use "${subdir}" of "${url('r.git')}": ${found}`,
      '',
    ]);
  });

  test.each([
    [
      'a repository of its own',
      { '.git/hooks/post-checkout': '#!/bin/sh\n' },
      'it holds a file named ".git/hooks/post-checkout"',
    ],
    ['one in other letters', { 'a/.GIT/config': 'x' }, 'it holds a file named "a/.GIT/config"'],
  ])('C05 with %s in it', async (_what, files, found) => {
    commitFiles(repository('r.git'), files);
    expect(await failure(take(source('r.git')))).toEqual([
      'GIT_TREE_REFUSED',
      `Cannot use "${url('r.git')}": ${found}`,
      '',
    ]);
  });

  test.each([
    [
      'a file of this machine (CVE-2022-39253)',
      'lib',
      'file:///etc',
      'the scheme "file" is not allowed',
    ],
    ['a program', 'lib', 'ext::sh', 'it is no address of a repository'],
    ['an option', 'lib', '--upload-pack=x', 'it is no address of a repository'],
  ])('C05 with a submodule that is %s', async (_what, path, address, found) => {
    commitFiles(repository('r.git'), {
      [path]: { commit: '0123456789'.repeat(4) },
      '.gitmodules': `[submodule "x"]\n\tpath = ${path}\n\turl = ${address}\n`,
    });
    expect(await failure(take(source('r.git')))).toEqual([
      'GIT_TREE_REFUSED',
      `Cannot use "${address}": ${found}`,
      '',
    ]);
  });

  test('C05 with a submodule that leads out of it', async () => {
    commitFiles(repository('r.git'), {
      '.gitmodules': '[submodule "x"]\n\tpath = ../../x\n\turl = https://h.example/x\n',
    });
    expect(await failure(take(source('r.git')))).toEqual([
      'GIT_TREE_REFUSED',
      `Cannot use "${url('r.git')}": a submodule has the path "../../x"`,
      '',
    ]);
  });

  test('with itself as submodule, time and again', async () => {
    const first = commitFiles(repository('r.git'), { f: 'x' });
    // A commit cannot name itself, so that every step names the one before.
    let commit = first;
    for (let depth = 0; depth < 12; depth++) {
      commit = commitFiles(repository('r.git'), {
        sub: { commit },
        '.gitmodules': '[submodule "x"]\n\tpath = sub\n\turl = ../r.git\n',
      });
    }
    expect(await failure(take(source('r.git')))).toEqual([
      'GIT_TREE_REFUSED',
      `Cannot use "${url('r.git')}": its submodules never end`,
      '',
    ]);
  });

  // CVE-2019-13139 and BuildKit 446e8c84f: the name comes from the remote.
  test('C04 never lets the name of a default branch become an option', async () => {
    const mark = join(dir, 'mark');
    const name = `--upload-pack=touch ${mark};git-upload-pack`;
    const commit = commitFiles(repository('r.git'), { f: 'x' });
    rmSync(join(repository('r.git'), 'refs', 'heads', 'main'));
    const odd = `refs/heads/${name.replaceAll(' ', '_').replaceAll('/', '_')}`;
    writeFileSync(join(repository('r.git'), 'packed-refs'), `${commit} ${odd}\n`);
    writeFileSync(join(repository('r.git'), 'HEAD'), `ref: ${odd}\n`);
    expect(await take(source('r.git'))).toEqual({ f: '644 x 1600000000' });
    expect(existsSync(mark)).toBe(false);
  });

  test('C05 does not run what user and system set for git', async () => {
    const mark = join(dir, 'mark');
    writeFileSync(
      join(dir, '.gitconfig'),
      `[core]\n\tsshCommand = touch ${mark}\n[url "ext::touch ${mark} "]\n\tinsteadOf = http://\n[protocol]\n\tallow = always\n`,
    );
    await sources[Symbol.asyncDispose]();
    sources = open({
      PATH: process.env['PATH'],
      HOME: dir,
      GIT_CONFIG_GLOBAL: join(dir, '.gitconfig'),
    });
    commitFiles(repository('r.git'), { f: 'x' });
    expect(await take(source('r.git'))).toEqual({ f: '644 x 1600000000' });
    expect(existsSync(mark)).toBe(false);
  });
});
