import { mkdirSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { digestOf } from '../core/sha256.ts';
import type { BuildEvent } from '../events/event.ts';
import { openRemoteSources, type RemoteSources } from '../sources/remote-sources.ts';
import type { EpochPlace } from '../stages/source-date-epoch.ts';
import { commitFiles, startGitServer } from '../testing/git-server.ts';
import { directory, file, symlink, tarArchiveOf } from '../testing/tar-builder.ts';
import { openScratch } from './scratch-directory.ts';
import { sourceTime } from './source-time.ts';

const { signal } = new AbortController();
const MONDAY = 'Mon, 02 Jan 2023 03:04:05 GMT';
const ARCHIVE = gzipSync(
  tarArchiveOf(
    { ...directory('d'), mtime: 1_900_000_000 },
    { ...file('d/new', 'new'), mtime: 1_600_000_000 },
    { ...file('old'), mtime: 1_500_000_000 },
    { ...symlink('l', 'old'), mtime: 1_900_000_000 },
  ),
);

let dir: string;
let server: Server;
let answer: RequestListener;
let sources: RemoteSources;
let events: BuildEvent[];

beforeEach(async () => {
  dir = mkdtempSync(join(tmpdir(), 'source-time-'));
  mkdirSync(join(dir, 'tmp'));
  events = [];
  server = createServer((request, response) => answer(request, response));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  sources = openRemoteSources({
    env: { PATH: process.env['PATH'] },
    homeDir: dir,
    directory: join(dir, 'kept'),
    openScratch: () => openScratch(join(dir, 'tmp')),
    secret: () => undefined,
    sshSocket: () => Promise.resolve(undefined),
    lock: () => Promise.resolve({ [Symbol.asyncDispose]: () => Promise.resolve() }),
    hold: () => Promise.resolve({ [Symbol.asyncDispose]: () => Promise.resolve() }),
    now: () => 0,
  });
});

afterEach(async () => {
  await sources[Symbol.asyncDispose]();
  server.closeAllConnections();
  server.close();
  expect(readdirSync(join(dir, 'tmp'))).toEqual([]);
  rmSync(dir, { recursive: true });
});

function timeOf(place: EpochPlace, contextTime?: number): Promise<number | undefined> {
  const host = {
    remotes: () => Promise.resolve(sources),
    tmpDir: join(dir, 'tmp'),
    emit: (event: BuildEvent) => void events.push(event),
    elapsed: () => 0,
    contextTime: () => Promise.resolve(contextTime),
  };
  return sourceTime({ name: 'src', place }, host, signal);
}

function remote(url: string, checksum = ''): EpochPlace {
  return { kind: 'remote', url, checksum, span: undefined };
}

function address(path: string): string {
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}/${path}`;
}

function notes(): readonly string[] {
  return events.flatMap((event) => (event.type === 'note' ? [event.text] : []));
}

describe('the time of what SOURCE_DATE_EPOCH names is', () => {
  test('that of the build context', async () => {
    expect(await timeOf({ kind: 'context' }, 5)).toBe(5);
    expect(notes()).toEqual([]);
  });

  test.each<EpochPlace>([{ kind: 'context' }, { kind: 'timeless' }])(
    'none, which is told: %j',
    async (place) => {
      expect(await timeOf(place)).toBeUndefined();
      expect(notes()).toEqual([
        'SOURCE_DATE_EPOCH is "src", which has no time of its own: times are those of this build',
      ]);
    },
  );

  test('that of the commit', async () => {
    commitFiles(join(dir, 'served', 'a.git'), { f: 'f' });
    const git = await startGitServer(join(dir, 'served'));
    try {
      expect(await timeOf(remote(`${git.url}/a.git#main`))).toBe(1_700_000_000);
    } finally {
      await git[Symbol.asyncDispose]();
    }
  });

  test('what the server says of a file, also with a checksum', async () => {
    answer = (_, response) => response.writeHead(200, { 'last-modified': MONDAY }).end(ARCHIVE);
    const expected = Date.parse(MONDAY) / 1000;
    expect(await timeOf(remote(address('a.tar.gz')))).toBe(expected);
    expect(await timeOf(remote(address('b.tar.gz'), digestOf(ARCHIVE)))).toBe(expected);
  });

  test('that of the newest file of an archive whose server says none', async () => {
    answer = (_, response) => response.writeHead(200).end(ARCHIVE);
    expect(await timeOf(remote(address('a.tar.gz')))).toBe(1_600_000_000);
  });

  test('none of a plain file whose server says none', async () => {
    answer = (_, response) => response.writeHead(200).end('text');
    expect(await timeOf(remote(address('a')))).toBeUndefined();
    expect(notes()).toHaveLength(1);
  });
});

test.each(['sha256:5', 'xyz'])('the checksum %s is refused', async (checksum) => {
  for (const url of [address('a'), 'https://a.example/b.git']) {
    await expect(timeOf(remote(url, checksum))).rejects.toMatchObject({
      code: 'SOURCE_DATE_EPOCH_INVALID',
      message: `Cannot use SOURCE_DATE_EPOCH "src": "${checksum}" is no checksum`,
    });
  }
});
