import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, test } from 'vitest';
import { PLAIN_HTTP_ERRORS } from '../testing/http-errors.ts';
import { openBody } from './body.ts';
import { parseRetryAfter, TransientError, withRetries } from './retry.ts';
import { createTransport } from './transport.ts';

const { signal } = new AbortController();

describe('a server that stops in the middle', () => {
  async function ask(body: (write: (text: string) => void) => void): Promise<string> {
    const server = createServer((_, response) => {
      response.writeHead(200);
      body((text) => response.write(text));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const transport = createTransport({
      errors: PLAIN_HTTP_ERRORS,
      isInsecure: () => false,
      certificates: { extraCaPaths: [], hostDirs: [] },
      env: {},
    });
    try {
      const url = new URL(`http://127.0.0.1:${String(port)}/`);
      const response = await transport.send({ method: 'GET', url }, signal);
      let text = '';
      for await (const chunk of openBody(response, signal, 40))
        text += Buffer.from(chunk).toString();
      return text;
    } finally {
      transport.close();
      server.closeAllConnections();
      server.close();
    }
  }

  test('is given up, and may be asked again', async () => {
    const stopped = ask((write) => write('hello'));
    await expect(stopped).rejects.toBeInstanceOf(TransientError);
    // On a slow machine the first byte already takes longer than the window.
    await expect(stopped).rejects.toThrow(/nothing more came|it sends too slowly/);
  });

  test('is given up also when a byte comes now and then', async () => {
    const timers: NodeJS.Timeout[] = [];
    const stopped = ask((write) => timers.push(setInterval(write, 5, 'x')));
    await expect(stopped).rejects.toThrow('it sends too slowly');
    for (const timer of timers) clearInterval(timer);
  });
});

describe('retries', () => {
  test('end after five tries with the error of the last', async () => {
    let tries = 0;
    const failing = withRetries(
      () => Promise.reject(new TransientError(new Error(`failure ${String(++tries)}`), 60_000)),
      signal,
      { firstWaitMs: 0, longestWaitMs: 1 },
    );
    await expect(failing).rejects.toThrow('failure 5');
  });

  test('do not happen for other errors', async () => {
    let tries = 0;
    const failing = withRetries(() => {
      tries++;
      return Promise.reject(new Error('no'));
    }, signal);
    await expect(failing).rejects.toThrow('no');
    expect(tries).toBe(1);
  });

  test('called off while they wait, throw the reason', async () => {
    const stop = new AbortController();
    const failing = withRetries(
      () => {
        setImmediate(() => stop.abort(new Error('somebody else failed')));
        return Promise.reject(new TransientError(new Error('failure'), 60_000));
      },
      stop.signal,
      { firstWaitMs: 60_000, longestWaitMs: 60_000 },
    );
    await expect(failing).rejects.toThrow('somebody else failed');
  });

  const now = Date.parse('2024-01-01T00:00:00Z');
  test.each([
    ['2', 2000],
    ['0', 0],
    ['Mon, 01 Jan 2024 00:00:10 GMT', 10_000],
    ['Mon, 01 Jan 2023 00:00:10 GMT', 0],
    ['soon', undefined],
    ['-5', undefined],
    [undefined, undefined],
  ])('Retry-After %s is %s ms', (value, expected) => {
    expect(parseRetryAfter(value, now)).toBe(expected);
  });
});
