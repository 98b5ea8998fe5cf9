import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { makeCertificate, makeSignedCertificate } from '../../src/testing/certificates.ts';
import {
  commitFiles,
  startGitServer,
  type GitServer,
  type GitServerOptions,
} from '../../src/testing/git-server.ts';
import { openRig, type CommandOptions, type CommandResult, type Rig } from '../support/cli.ts';
import { startSshServer, type SshServer } from '../support/ssh-server.ts';

const TOKEN = 'canary-of-the-token';
const LOGIN = `Basic ${Buffer.from(`x-access-token:${TOKEN}`).toString('base64')}`;

let dir: string;
let served: string;
let rig: Rig;

beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'stagecraft-git-'));
  served = join(dir, 'served');
  commitFiles(join(served, 'lib.git'), { lib: 'lib\n' });
  commitFiles(join(served, 'app.git'), {
    Dockerfile: 'FROM scratch\nCOPY hello /\n',
    hello: 'hello\n',
  });
});
afterAll(() => rmSync(dir, { recursive: true }));

beforeEach(() => {
  rig = openRig();
});
afterEach(() => rig[Symbol.asyncDispose]());

/** Builds into a directory; what it holds when the build is done, else nothing. */
async function build(
  words: readonly string[],
  options: CommandOptions = {},
): Promise<CommandResult & { readonly files: readonly string[] }> {
  const out = join(rig.dir, `out-${String(outs++)}`);
  const done = await rig.run(['build', '-o', out, ...words], options);
  const files = done.status === 0 ? readdirSync(out, { recursive: true, encoding: 'utf8' }) : [];
  return { ...done, files: files.sort() };
}
let outs = 0;

/** A context that adds a repository. */
function adding(url: string): string {
  return rig.context({ Dockerfile: `FROM scratch\nADD ${url} /r\n` });
}

function everyFileBelow(path: string): string {
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => readFileSync(join(entry.parentPath, entry.name), 'latin1'))
    .join('\n');
}

describe('a repository behind HTTPS', () => {
  let authority: string;
  let tls: NonNullable<GitServerOptions['tls']>;
  let servers: GitServer[];

  beforeAll(async () => {
    const at = join(dir, 'certificates');
    mkdirSync(at);
    await makeCertificate(at, 'authority', 'authority.example');
    await makeSignedCertificate(at, 'server', 'authority', '127.0.0.1');
    authority = join(at, 'authority.crt');
    const [key = '', cert = ''] = ['server.key', 'server.crt'].map((name) =>
      readFileSync(join(at, name), 'utf8'),
    );
    tls = { key, cert };
  });
  beforeEach(() => {
    servers = [];
  });
  afterEach(async () => {
    for (const server of servers) await server[Symbol.asyncDispose]();
  });

  async function serve(options: GitServerOptions = {}): Promise<GitServer> {
    const server = await startGitServer(served, { tls, ...options });
    servers.push(server);
    return server;
  }
  function told(server: GitServer): Set<string | undefined> {
    return new Set(server.requests.map(({ authorization }) => authorization));
  }

  test('is a context and goes into ADD, once its authority is trusted', async () => {
    const { url } = await serve();
    const app = `${url}/app.git`;
    const trusted = ['--ca-cert', authority];
    expect(await build([...trusted, app])).toMatchObject({ status: 0, files: ['hello'] });
    const env = { STAGECRAFT_EXTRA_CA_CERTS: authority };
    expect((await build([adding(app)], { env })).files).toEqual(['r', 'r/Dockerfile', 'r/hello']);

    for (const words of [[app], [adding(`${url}/lib.git`)]]) {
      const refused = await build(words);
      expect(refused.status).toBe(5);
      expect(refused.stderr).toContain('error[GIT_FETCH_FAILED]');
      expect(refused.stderr).toMatch(/certificate/i);
    }
  });

  test('is told a token where there is one, and says that it wants one where there is not', async () => {
    const server = await serve({ authorization: LOGIN });
    const app = `${server.url}/app.git`;
    const common = ['--ca-cert', authority];
    const env = { TOKEN };
    const { host } = new URL(server.url);
    for (const id of ['GIT_AUTH_TOKEN', `GIT_AUTH_TOKEN.${host}`]) {
      const words = [...common, '--no-cache', '--secret', `id=${id},env=TOKEN`];
      expect(await build([...words, app], { env })).toMatchObject({ status: 0, files: ['hello'] });
      expect((await build([...words, adding(app)], { env })).files).toContain('r/hello');
    }
    const other = ['--secret', 'id=GIT_AUTH_TOKEN.other.example,env=TOKEN'];
    for (const words of [[], other]) {
      const refused = await build([...common, ...words, `${app}#main`], { env });
      expect(refused.status).toBe(5);
      expect(refused.stderr).toContain(
        `Give credentials with --secret id=GIT_AUTH_TOKEN.${host},env=NAME`,
      );
      expect(refused.stderr).not.toContain(TOKEN);
    }
    expect(told(server)).toEqual(new Set([LOGIN, undefined]));
    const kept = everyFileBelow(rig.root);
    expect(kept).not.toContain(TOKEN);
    expect(kept).not.toContain(LOGIN);
  });

  test('keeps its token to itself: no submodule and no redirect elsewhere is told it', async () => {
    const other = await serve();
    const server = await serve({ authorization: LOGIN, movedTo: other.url });
    const lib = commitFiles(join(served, 'lib.git'), { lib: 'lib\n' });
    commitFiles(join(served, 'outer.git'), {
      lib: { commit: lib },
      '.gitmodules': `[submodule "x"]\n\tpath = lib\n\turl = ${other.url}/lib.git\n`,
    });
    const words = ['--ca-cert', authority, '--secret', 'id=GIT_AUTH_TOKEN,env=TOKEN'];
    const env = { TOKEN };
    const submodule = await build([...words, adding(`${server.url}/outer.git`)], { env });
    expect(submodule.stderr).not.toContain('error');
    expect(submodule.files).toContain('r/lib/lib');
    const asked = other.requests.length;
    expect(asked).toBeGreaterThan(0);
    const moved = await build([...words, adding(`${server.url}/moved/lib.git`)], { env });
    expect(moved.stderr).not.toContain('error');
    expect(moved.files).toEqual(['r', 'r/lib']);
    expect(other.requests.length).toBeGreaterThan(asked);
    expect(told(server)).toEqual(new Set([LOGIN]));
    expect(told(other)).toEqual(new Set([undefined]));
  });

  test('is found where the same server moved it to, and is told its token there', async () => {
    const server = await serve({ authorization: LOGIN, movedTo: '' });
    const words = ['--ca-cert', authority, '--secret', 'id=GIT_AUTH_TOKEN,env=TOKEN'];
    const moved = await build([...words, `${server.url}/moved/app.git`], { env: { TOKEN } });
    expect(moved).toMatchObject({ status: 0, files: ['hello'] });
    expect(told(server)).toEqual(new Set([LOGIN]));
  });
});

describe('a repository behind SSH', () => {
  let ssh: SshServer;

  beforeAll(async () => {
    ssh = await startSshServer(join(dir, 'ssh'));
  });
  afterAll(() => ssh[Symbol.asyncDispose]());

  function trustHost(): void {
    mkdirSync(join(rig.dir, 'home', '.ssh'), { mode: 0o700 });
    writeFileSync(join(rig.dir, 'home', '.ssh', 'known_hosts'), ssh.knownHost);
  }

  test('is a context and goes into ADD with the key of --ssh', async () => {
    trustHost();
    const app = `${ssh.url}${served}/app.git`;
    const words = ['--ssh', `default=${ssh.key}`];
    expect(await build([...words, app])).toMatchObject({ status: 0, files: ['hello'] });
    expect((await build([...words, '--no-cache', adding(`${app}#main`)])).files).toContain(
      'r/hello',
    );
    const relative = `${ssh.url}${served}/outer.git`;
    const lib = commitFiles(join(served, 'lib.git'), { lib: 'lib\n' });
    commitFiles(join(served, 'outer.git'), {
      lib: { commit: lib },
      '.gitmodules': '[submodule "x"]\n\tpath = lib\n\turl = ../lib.git\n',
    });
    expect((await build([...words, adding(relative)])).files).toContain('r/lib/lib');
  });

  test('is refused without key, and where nobody vouches for the host', async () => {
    const app = `${ssh.url}${served}/app.git`;
    const unknown = await build(['--ssh', `default=${ssh.key}`, app]);
    expect(unknown.status).toBe(5);
    expect(unknown.stderr).toContain('Host key verification failed');
    trustHost();
    const keyless = await build([app]);
    expect(keyless.status).toBe(5);
    expect(keyless.stderr).toContain('Permission denied (publickey)');
    expect(keyless.stderr).toContain('Give a key with --ssh default=FILE');
  });
});
