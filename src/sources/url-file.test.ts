import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Digest } from '../core/digest.ts';
import { digestOf } from '../core/sha256.ts';
import { rejectionOf, textsOf } from '../testing/build-errors.ts';
import { pinUrl, takeUrl, type UrlSource, type UrlStore } from './url-file.ts';

const { signal } = new AbortController();
const HELLO = Buffer.from('hello\n');
const MONDAY = 'Mon, 02 Jan 2023 03:04:05 GMT';

type Handler = (request: IncomingMessage, response: ServerResponse) => void;

let dir: string;
let store: UrlStore;
let servers: Server[];
let asked: IncomingMessage[];
let secrets: Record<string, string>;

beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'url-file-'));
  servers = [];
  asked = [];
  secrets = {};
  store = {
    directory: join(dir, 'urls'),
    env: {},
    homeDir: dir,
    secret: (id) => (secrets[id] === undefined ? undefined : Buffer.from(secrets[id])),
    retryTimings: { firstWaitMs: 1, longestWaitMs: 1 },
    lock: () => Promise.resolve({ [Symbol.asyncDispose]: () => Promise.resolve() }),
  };
});

afterEach(() => {
  for (const server of servers) server.closeAllConnections();
  for (const server of servers) server.close();
  rmSync(dir, { recursive: true });
});

async function serve(handler: Handler): Promise<string> {
  const server = createServer((request, response) => {
    asked.push(request);
    handler(request, response);
  });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
}

function source(url: string, more: Partial<UrlSource> = {}): UrlSource {
  return { type: 'http', url, checksum: undefined, filename: undefined, ...more };
}

async function pin(from: UrlSource): ReturnType<typeof pinUrl> {
  return pinUrl(from, store, () => undefined, signal);
}

async function take(from: UrlSource): Promise<{ text: string; mtime: number }> {
  const target = join(dir, 'target');
  const to = { target, onBytes: () => undefined };
  const { mtime } = await takeUrl(from, await pin(from), to, store, signal);
  const text = readFileSync(target, 'utf8');
  rmSync(target);
  return { text, mtime };
}

/** What is thrown, as users see it. */
const failure = async (work: Promise<unknown>): Promise<readonly string[]> =>
  textsOf(await rejectionOf(work));

const withEtag: Handler = (request, response) => {
  const headers = { etag: '"one"', 'last-modified': MONDAY };
  if (request.headers['if-none-match'] === '"one"') response.writeHead(304, headers).end();
  else response.writeHead(200, headers).end(HELLO);
};

describe('a URL', () => {
  test('is its content, the time that the server says and the name in its path', async () => {
    const url = await serve(withEtag);
    expect(await pin(source(`${url}/dir/hello.txt?x=1`))).toEqual({
      digest: digestOf(HELLO),
      filename: 'hello.txt',
      mtime: Date.parse(MONDAY) / 1000,
    });
    expect(await take(source(`${url}/dir/hello.txt`))).toEqual({
      text: 'hello\n',
      mtime: Date.parse(MONDAY) / 1000,
    });
  });

  test('is fetched once when the server knows its ETag', async () => {
    const url = await serve(withEtag);
    const first = await pin(source(`${url}/a`));
    expect(await pin(source(`${url}/a`))).toEqual(first);
    expect(asked.map(({ headers }) => headers['if-none-match'])).toEqual([undefined, '"one"']);
    expect(await take(source(`${url}/a`))).toMatchObject({ text: 'hello\n' });
    // The file has gone to its place, so that the next one is fetched anew.
    expect(await take(source(`${url}/a`))).toMatchObject({ text: 'hello\n' });
    expect(asked.map(({ headers }) => headers['if-none-match'])).toEqual([
      undefined,
      '"one"',
      '"one"',
      '"one"',
      undefined,
    ]);
  });

  test('with a checksum asks nobody for its pin', async () => {
    const checksum = digestOf(HELLO);
    expect(await pin(source('http://127.0.0.1:1/a', { checksum, filename: 'a' }))).toEqual({
      digest: checksum,
      filename: 'a',
      mtime: undefined,
    });
    expect(asked).toEqual([]);
  });

  test('is called what Content-Disposition says, held inside its directory', async () => {
    const url = await serve((_, response) =>
      response.writeHead(200, { 'content-disposition': 'attachment; filename="../../x"' }).end(),
    );
    expect((await pin(source(`${url}/a`))).filename).toBe('x');
  });

  test('survives a record that cannot be read', async () => {
    const url = await serve(withEtag);
    const first = await pin(source(`${url}/a`));
    const [name = ''] = readdirSync(store.directory);
    const record = join(store.directory, name, 'record.json');
    const { writeFileSync } = await import('node:fs');
    writeFileSync(record, '{"digest":');
    expect(await pin(source(`${url}/a`))).toEqual(first);
  });

  test('is tried again when the server stumbles, five times at most', async () => {
    const url = await serve((_, response) => response.writeHead(503).end());
    expect(await failure(pin(source(`${url}/a`)))).toEqual([
      'URL_FETCH_FAILED',
      `Cannot fetch "${url}/a": the server answers with status 503`,
      '',
    ]);
    expect(asked.length).toBe(5);
  });

  test('is fetched from the start when the connection breaks', async () => {
    const url = await serve((_, response) => {
      response.writeHead(200, { 'content-length': HELLO.length });
      if (asked.length > 1) return void response.end(HELLO);
      response.write(HELLO.subarray(0, 3), () => response.destroy());
    });
    expect(await take(source(`${url}/a`))).toMatchObject({ text: 'hello\n' });
    const [name = ''] = readdirSync(store.directory);
    expect(readdirSync(join(store.directory, name))).toEqual(['record.json']);
  });
});

describe('a URL that is refused', () => {
  test.each<[string, Handler, string, string]>([
    [
      'nothing there',
      (_, response) => response.writeHead(404).end(),
      'the server answers with status 404',
      '',
    ],
    [
      'a login',
      (_, response) => response.writeHead(401, { 'www-authenticate': 'Basic' }).end(),
      'the server answers with status 401',
      'Give credentials with --secret id=HTTP_AUTH_TOKEN_HOST,env=NAME',
    ],
    [
      'C12 redirects without end',
      (_, response) => response.writeHead(302, { location: '/a' }).end(),
      'it redirects more than 5 times',
      '',
    ],
    [
      'C12 a redirect to a file of this machine',
      (_, response) => response.writeHead(302, { location: 'file:///etc/passwd' }).end(),
      'it redirects to something that is not HTTP',
      '',
    ],
    [
      'half an answer',
      (_, response) => response.writeHead(206).end('x'),
      'the server answers with status 206',
      '',
    ],
  ])('%s', async (_what, handler, found, hint) => {
    const url = await serve(handler);
    const host = new URL(url).host;
    expect(await failure(pin(source(`${url}/a`)))).toEqual([
      'URL_FETCH_FAILED',
      `Cannot fetch "${url}/a": ${found}`,
      hint.replace('HOST', host),
    ]);
    const left = readdirSync(store.directory).flatMap((name) =>
      readdirSync(join(store.directory, name)),
    );
    expect(left).toEqual([]);
  });

  test('C12 other bytes than the checksum says', async () => {
    const url = await serve(withEtag);
    const checksum = digestOf(Buffer.from('other')) satisfies Digest;
    expect(await failure(take(source(`${url}/a`, { checksum, filename: 'a' })))).toEqual([
      'URL_DIGEST_MISMATCH',
      `Cannot use "${url}/a": its digest is ${digestOf(HELLO)}, and ${checksum} is expected`,
      'Correct --checksum if the file is the right one',
    ]);
  });

  test('a file that changes between two looks of one build', async () => {
    let text = 'one';
    const url = await serve((_, response) => response.writeHead(200).end(text));
    const from = source(`${url}/a`);
    const pinned = await pin(from);
    rmSync(store.directory, { recursive: true });
    text = 'two';
    const to = { target: join(dir, 'target'), onBytes: () => undefined };
    const [one, two] = ['one', 'two'].map((each) => digestOf(Buffer.from(each)));
    expect(await failure(takeUrl(from, pinned, to, store, signal))).toEqual([
      'URL_CHANGED',
      `Cannot use "${url}/a": it changed while it was built with, from ${one} to ${two}`,
      'Build again',
    ]);
  });

  test('a server whose certificate nobody vouches for', async () => {
    const { urlUntrusted } = await import('./errors.ts');
    const error = urlUntrusted('https://u:p@h.example/a', 'its certificate has expired');
    expect([error.code, error.message, error.hint]).toEqual([
      'URL_UNTRUSTED',
      'Cannot fetch "https://***@h.example/a": its certificate has expired',
      'Name a file with its certificate authority in STAGECRAFT_EXTRA_CA_CERTS.',
    ]);
  });
});

describe('who we are', () => {
  test.each<[string, (host: string) => string, Record<string, string>, string]>([
    ['user and password', (host) => `http://me:p%40ss@${host}/a`, {}, 'Basic bWU6cEBzcw=='],
    ['a token', (host) => `http://${host}/a`, { HTTP_AUTH_TOKEN_: 't0ken' }, 'Bearer t0ken'],
    [
      'a header',
      (host) => `http://${host}/a`,
      { HTTP_AUTH_HEADER_: 'Custom x\r\nX-Evil: 1' },
      'Custom x',
    ],
  ])('is told with %s, and never to where it redirects', async (_, address, values, expected) => {
    const other = await serve((_request, response) => response.end('stolen?'));
    const url = await serve((_request, response) =>
      response.writeHead(302, { location: `${other}/b` }).end(),
    );
    const { host } = new URL(url);
    secrets = Object.fromEntries(
      Object.entries(values).map(([name, value]) => [name + host, value]),
    );
    await pin(source(address(host)));
    expect(asked.map(({ headers }) => headers.authorization)).toEqual([expected, undefined]);
  });

  test('makes another file of the same URL', async () => {
    const url = await serve((request, response) =>
      response.end(request.headers.authorization ?? 'nobody'),
    );
    const { host } = new URL(url);
    expect(await take(source(`${url}/a`))).toMatchObject({ text: 'nobody' });
    secrets = { [`HTTP_AUTH_TOKEN_${host}`]: 'x' };
    expect(await take(source(`${url}/a`))).toMatchObject({ text: 'Bearer x' });
  });

  test('is not kept in the store', async () => {
    const url = await serve(withEtag);
    await pin(source(url.replace('http://', 'http://me:canary@')));
    const [name = ''] = readdirSync(store.directory);
    const files = readdirSync(join(store.directory, name));
    const texts = files.map((file) => readFileSync(join(store.directory, name, file), 'latin1'));
    expect(texts.join('')).not.toContain('canary');
  });
});
