import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createTransport, type Transport } from '../http/transport.ts';
import { startMemoryRegistry } from '../testing/memory-registry.ts';
import type { Credentials } from './credentials.ts';
import { REGISTRY_HTTP_ERRORS } from './errors.ts';
import { createRegistryClient } from './registry-client.ts';

const { signal } = new AbortController();

let transport: Transport;
beforeEach(() => {
  transport = createTransport({
    errors: REGISTRY_HTTP_ERRORS,
    isInsecure: () => true,
    certificates: { extraCaPaths: [], hostDirs: [] },
    env: {},
  });
});
afterEach(() => transport.close());

interface Asked {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly authorization: string | undefined;
  readonly body: string;
}

/** Asks a registry for a manifest; gives what its token service was asked. */
async function askWith(credentials: Credentials, tokenBody: string): Promise<readonly Asked[]> {
  const asked: Asked[] = [];
  const service = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (text: string) => (body += text));
    request.on('end', () => {
      const { method, url, headers } = request;
      asked.push({ method, url, authorization: headers.authorization, body });
      response.end(tokenBody);
    });
  });
  await new Promise<void>((resolve) => service.listen(0, '127.0.0.1', resolve));
  const realm = `http://127.0.0.1:${String((service.address() as AddressInfo).port)}/token`;
  await using server = await startMemoryRegistry({ kind: 'token', realm });
  const endpoint = { name: server.host, origins: [`http://${server.host}`] };
  const find = (): Promise<Credentials> => Promise.resolve(credentials);
  const retryTimings = { firstWaitMs: 1, longestWaitMs: 1 };
  const client = createRegistryClient(endpoint, { transport, credentials: { find }, retryTimings });
  try {
    expect(await client.fetchManifest('app', '1', signal)).toBeUndefined();
    return asked;
  } finally {
    service.closeAllConnections();
    service.close();
  }
}

test('an identity token is sent in the body of a POST, as OAuth 2 wants it', async () => {
  const credentials = { kind: 'identity-token', token: 'r e&f', source: 'a file' } as const;
  const [one, ...others] = await askWith(credentials, '{"access_token":"token-for-tests"}');
  expect(others).toEqual([]);
  expect(one).toMatchObject({ method: 'POST', url: '/token', authorization: undefined });
  expect(Object.fromEntries(new URLSearchParams(one?.body))).toEqual({
    grant_type: 'refresh_token',
    service: 'test',
    client_id: 'stagecraft',
    scope: 'repository:app:pull',
    refresh_token: 'r e&f',
  });
});

test('an identity token is named where a registry asks for a name and password', async () => {
  await using server = await startMemoryRegistry({ kind: 'basic', login: 'me:secret' });
  const endpoint = { name: server.host, origins: [`http://${server.host}`] };
  const credentials: Credentials = { kind: 'identity-token', token: 'id-token', source: 'a file' };
  const find = (): Promise<Credentials> => Promise.resolve(credentials);
  const client = createRegistryClient(endpoint, { transport, credentials: { find } });
  await expect(client.fetchManifest('app', '1', signal)).rejects.toMatchObject({
    code: 'REGISTRY_UNAUTHORIZED',
    message: `Cannot pull "app" at registry "${server.host}": it refuses the credentials from a file`,
  });
});

test('a name and password are sent in the header of a GET', async () => {
  const login = { kind: 'password', username: 'me', password: 'secret', source: 'a file' } as const;
  expect(await askWith(login, '{"token":"token-for-tests"}')).toEqual([
    {
      method: 'GET',
      url: '/token?service=test&scope=repository%3Aapp%3Apull',
      authorization: `Basic ${Buffer.from('me:secret').toString('base64')}`,
      body: '',
    },
  ]);
});

test.each(['{}', '[]', 'no', '{"token":7}', '{"token":"a\\r\\nb"}'])(
  'an answer %s has no token',
  async (body) => {
    const login = { kind: 'password', username: 'me', password: 'x', source: 'a file' } as const;
    await expect(askWith(login, body)).rejects.toMatchObject({
      code: 'REGISTRY_ERROR',
      message: expect.stringMatching(
        /^Cannot get a token at registry "127\.0\.0\.1:\d+": the answer holds none$/,
      ) as unknown,
    });
  },
);
