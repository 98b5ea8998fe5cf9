import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync } from 'node:fs';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

/** Repositories over HTTP on loopback, served by git itself. */
export interface GitServer extends AsyncDisposable {
  readonly url: string;
  /** Paths and Authorization headers of the requests so far. */
  readonly requests: readonly {
    readonly path: string;
    readonly authorization: string | undefined;
  }[];
}

/** How repositories are served. */
export interface GitServerOptions {
  /** PEM texts; without them, the server speaks plain HTTP. */
  readonly tls?: { readonly key: string; readonly cert: string };
  /** The Authorization header that is asked for; undefined: none. */
  readonly authorization?: string;
  /** URL that requests below `/moved` are sent on to; empty is this server. */
  readonly movedTo?: string;
}

/** Serves the repositories below `root` with `git http-backend`. */
export async function startGitServer(
  root: string,
  { tls, authorization, movedTo }: GitServerOptions = {},
): Promise<GitServer> {
  const requests: { path: string; authorization: string | undefined }[] = [];
  const answer = (request: IncomingMessage, response: ServerResponse): void => {
    const { url = '', headers } = request;
    requests.push({ path: url, authorization: headers.authorization });
    if (authorization !== undefined && headers.authorization !== authorization) {
      response.writeHead(401, { 'www-authenticate': 'Basic realm="git"' }).end();
    } else if (movedTo !== undefined && url.startsWith('/moved/')) {
      response.writeHead(302, { location: movedTo + url.slice('/moved'.length) }).end();
    } else runBackend(root, request, response);
  };
  const server = tls === undefined ? createServer(answer) : createTlsServer(tls, answer);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    url: `${tls === undefined ? 'http' : 'https'}://127.0.0.1:${String((server.address() as AddressInfo).port)}`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** RFC 3875, as far as git uses it. */
function runBackend(root: string, request: IncomingMessage, response: ServerResponse): void {
  const [path = '', query = ''] = (request.url ?? '').split('?', 2);
  const { headers } = request;
  const child = spawn('git', ['http-backend'], {
    env: {
      ...gitEnvironment(),
      GIT_PROJECT_ROOT: root,
      GIT_HTTP_EXPORT_ALL: '1',
      PATH_INFO: decodeURIComponent(path),
      QUERY_STRING: query,
      REQUEST_METHOD: request.method ?? 'GET',
      CONTENT_TYPE: headers['content-type'] ?? '',
      HTTP_CONTENT_ENCODING: headers['content-encoding'] ?? '',
      GIT_PROTOCOL: String(headers['git-protocol'] ?? ''),
    },
    stdio: ['pipe', 'pipe', 'ignore'],
  });
  child.stdin.on('error', () => undefined);
  request.pipe(child.stdin);
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  child.on('close', () => {
    const bytes = Buffer.concat(chunks);
    const end = bytes.indexOf('\r\n\r\n');
    const fields = bytes.subarray(0, Math.max(end, 0)).toString('latin1').split('\r\n');
    let status = end === -1 ? 500 : 200;
    for (const field of fields) {
      const [, name = '', value = ''] = /^([^:]+): (.*)$/.exec(field) ?? [];
      if (name === 'Status') status = Number.parseInt(value, 10);
      else if (name !== '') response.setHeader(name, value);
    }
    response.writeHead(status).end(bytes.subarray(end + 4));
  });
}

/** One file of a repository: its text, a link, or a commit of a submodule. */
export type GitFile = string | { readonly link: string } | { readonly commit: string };

/**
 * Makes or extends the bare repository at `path` with one commit on `main`. Entries go straight into the
 * index, so that names which git would not check out are possible too. Returns the commit.
 */
export function commitFiles(
  path: string,
  files: Readonly<Record<string, GitFile>>,
  { tag, branch = 'main' }: { readonly tag?: string; readonly branch?: string } = {},
): string {
  mkdirSync(path, { recursive: true });
  const git = (args: readonly string[], input?: string): string =>
    execFileSync('git', args, {
      cwd: path,
      env: { ...gitEnvironment(), GIT_DIR: path },
      input: input ?? '',
      encoding: 'utf8',
    }).trim();
  if (!existsSync(join(path, 'HEAD'))) {
    git(['init', '--quiet', '--bare', '--template=', '--initial-branch=main', '.']);
  }
  const lines = Object.entries(files).map(([name, file]) => {
    if (typeof file !== 'string' && 'commit' in file)
      return `160000 commit ${file.commit}\t${name}`;
    const text = typeof file === 'string' ? file : file.link;
    const id = git(['hash-object', '-w', '--stdin'], text);
    const mode = typeof file !== 'string' ? '120000' : text.startsWith('#!') ? '100755' : '100644';
    return `${mode} blob ${id}\t${name}`;
  });
  const commit = git(['commit-tree', '-m', 'x', writeTree(lines, git)]);
  git(['update-ref', `refs/heads/${branch}`, commit]);
  if (tag !== undefined) git(['tag', '-a', '-m', 'x', tag, commit]);
  git(['update-server-info']);
  return commit;
}

/** `git mktree` takes any name; directories are made of the slashes. */
function writeTree(
  lines: readonly string[],
  git: (args: readonly string[], input?: string) => string,
): string {
  const directories = new Map<string, string[]>();
  const own: string[] = [];
  for (const line of lines) {
    const [head = '', name = ''] = line.split('\t');
    const [first = '', ...rest] = name.split('/');
    if (rest.length === 0) own.push(line);
    else directories.set(first, [...(directories.get(first) ?? []), `${head}\t${rest.join('/')}`]);
  }
  for (const [name, below] of directories)
    own.push(`040000 tree ${writeTree(below, git)}\t${name}`);
  return git(['mktree', '--missing'], own.map((line) => `${line}\n`).join(''));
}

function gitEnvironment(): Record<string, string> {
  return {
    PATH: process.env['PATH'] ?? '',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_AUTHOR_NAME: 'a',
    GIT_AUTHOR_EMAIL: 'a@example.com',
    GIT_AUTHOR_DATE: '1700000000 +0000',
    GIT_COMMITTER_NAME: 'a',
    GIT_COMMITTER_EMAIL: 'a@example.com',
    GIT_COMMITTER_DATE: '1700000000 +0000',
  };
}
