import { execFileSync } from 'node:child_process';
import { copyFileSync, cpSync, existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { basename, dirname, join } from 'node:path';

/** Files, archives and repositories over HTTP on loopback, for both builders. */
export interface Server extends AsyncDisposable {
  readonly url: string;
  /** Serves a file. Returns its URL. */
  publish(path: string): string;
  /** Serves the files of a directory as a repository with one commit. Returns its URL. */
  publishRepository(directory: string): string;
}

/** What every case may fetch: text by path. */
const FILES: Readonly<Record<string, string>> = {
  '/file.txt': 'fetched\n',
  '/dir/other.txt': 'other\n',
};
const LAST_MODIFIED = 'Mon, 02 Jan 2023 03:04:05 GMT';

/** Starts the server; what it serves is kept below `root`. */
export async function startServer(root: string): Promise<Server> {
  mkdirSync(root);
  let published = 0;
  const server = createServer((request, response) => {
    const path = decodeURIComponent((request.url ?? '').split('?')[0] ?? '');
    const own = join(root, path);
    const body = FILES[path] ?? (existsSync(own) ? readIfFile(own) : undefined);
    const headers = { 'last-modified': LAST_MODIFIED };
    if (body === undefined) response.writeHead(404).end();
    else if (path === '/file.txt') response.writeHead(200, headers).end(body);
    else response.writeHead(200).end(body);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  makeRepository(join(root, 'fixed.git'), (work) => {
    const files = { 'a.txt': 'a', 'sub/run.sh': '#!/bin/sh\n' };
    for (const [name, text] of Object.entries(files)) {
      mkdirSync(dirname(join(work, name)), { recursive: true });
      execFileSync('tee', [join(work, name)], {
        input: text,
        stdio: ['pipe', 'ignore', 'inherit'],
      });
    }
    execFileSync('chmod', ['+x', join(work, 'sub/run.sh')]);
    execFileSync('ln', ['-s', 'a.txt', join(work, 'link')]);
  });
  return {
    url,
    publish(path) {
      const name = `${String(published++)}-${basename(path)}`;
      copyFileSync(path, join(root, name));
      return `${url}/${name}`;
    },
    publishRepository(directory) {
      const name = `${String(published++)}.git`;
      makeRepository(join(root, name), (work) => {
        cpSync(directory, work, { recursive: true, verbatimSymlinks: true });
      });
      return `${url}/${name}#main`;
    },
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

function readIfFile(path: string): Buffer | undefined {
  try {
    return readFileSync(path);
  } catch {
    return undefined;
  }
}

/** A bare repository that a server of plain files can serve. */
function makeRepository(path: string, fill: (work: string) => void): void {
  const work = `${path}.work`;
  mkdirSync(work);
  fill(work);
  const identity = { NAME: 'a', EMAIL: 'a@example.com', DATE: '1700000000 +0000' };
  const env = {
    PATH: process.env['PATH'] ?? '',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    ...Object.fromEntries(
      Object.entries(identity).flatMap(([name, value]) =>
        ['AUTHOR', 'COMMITTER'].map((who) => [`GIT_${who}_${name}`, value]),
      ),
    ),
  };
  const git = (...args: readonly string[]): void =>
    void execFileSync('git', args, { cwd: work, env, stdio: 'ignore' });
  git('init', '--initial-branch=main', '.');
  git('add', '--all', '--force');
  git('commit', '-m', 'x');
  git('clone', '--bare', '.', path);
  execFileSync('git', ['update-server-info'], { cwd: path, env });
}
