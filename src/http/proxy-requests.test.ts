import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { expect, test } from 'vitest';
import { PLAIN_HTTP_ERRORS } from '../testing/http-errors.ts';
import { startProxyServer } from '../testing/proxy-server.ts';
import { readBody } from './body.ts';
import { TransientError } from './retry.ts';
import { createTransport, type HttpRequest } from './transport.ts';

const { signal } = new AbortController();

async function ask(
  url: string,
  env: Readonly<Record<string, string>>,
  request: Partial<HttpRequest> = {},
): Promise<string> {
  const transport = createTransport({
    errors: PLAIN_HTTP_ERRORS,
    isInsecure: () => false,
    certificates: { extraCaPaths: [], hostDirs: [] },
    env,
  });
  try {
    const response = await transport.send({ method: 'GET', url: new URL(url), ...request }, signal);
    return (await readBody(response, 1000, signal)).toString();
  } finally {
    transport.close();
  }
}

test('plain HTTP goes through the proxy, with the whole URL', async () => {
  await using proxy = await startProxyServer({ login: 'me:secret' });
  const server = createServer((request, response) => {
    response.end(`${request.headers.host ?? ''} ${String(request.headers['proxy-authorization'])}`);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const url = `http://files.example:${(server.address() as AddressInfo).port}/a?b=c`;
  const env = { HTTP_PROXY: `http://me:secret@${proxy.host}` };
  expect(await ask(url, env)).toBe(`${new URL(url).host} undefined`);
  expect(proxy.requests).toMatchObject([{ method: 'GET', target: url }]);
  server.close();
});

test.each(['http', 'https'])('a proxy that wants credentials is named, for %s', async (scheme) => {
  await using proxy = await startProxyServer({ login: 'me:secret' });
  const env = { HTTP_PROXY: `http://${proxy.host}`, HTTPS_PROXY: `http://${proxy.host}` };
  const failed = ask(`${scheme}://files.example/`, env);
  const found = `proxy "${proxy.host}": it wants credentials, or other ones`;
  await expect(failed).rejects.toThrow(`unreachable: ${found}`);
  await expect(failed).rejects.not.toBeInstanceOf(TransientError);
});

test('a proxy that cannot be reached is named, and may be asked again', async () => {
  const failed = ask('https://files.example/', { https_proxy: '127.0.0.1:1' });
  await expect(failed).rejects.toThrow('proxy "127.0.0.1:1": the connection is refused');
  await expect(failed).rejects.toBeInstanceOf(TransientError);
});

test.each([
  [403, false],
  [503, true],
])('a proxy that answers %i to a tunnel is named', async (refuses, isTransient) => {
  await using proxy = await startProxyServer({ refuses });
  const failed = ask('https://files.example/', { HTTPS_PROXY: proxy.host });
  await expect(failed).rejects.toThrow(
    `proxy "${proxy.host}": it refuses with status ${String(refuses)}`,
  );
  const thrown: unknown = await failed.catch((error: unknown) => error);
  expect(thrown instanceof TransientError).toBe(isTransient);
});
