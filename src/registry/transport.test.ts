import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer as createPlainServer } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { networkInterfaces, tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TlsOptions } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { openDiskBlobStore } from '../content/disk-blob-store.ts';
import { CLEAN_ENV, findProgram, runProcess } from '../host/child-process.ts';
import { startMemoryRegistry } from '../testing/memory-registry.ts';
import { openBody, readBody } from './body.ts';
import { createRegistryImageSource } from './registry-image-source.ts';
import { parseRetryAfter, TransientError, withRetries } from './retry.ts';
import { createTransport } from './transport.ts';

const { signal } = new AbortController();
const OPENSSL = findProgram('openssl', CLEAN_ENV['PATH'] ?? '');
const AMD64 = { os: 'linux', architecture: 'amd64' };

describe.skipIf(OPENSSL === undefined)('TLS', () => {
  let dir: string;
  let server: Server | undefined;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'tls-'));
    await makeCertificate('good', 'localhost');
    await makeCertificate('other', 'elsewhere.example');
    await makeExpired();
  });
  afterAll(() => rmSync(dir, { recursive: true }));
  afterEach(() => {
    server?.close();
    vi.unstubAllEnvs();
  });

  async function openssl(...args: readonly string[]): Promise<void> {
    const { status, stderr } = await runProcess({ program: OPENSSL ?? '', args, cwd: dir }, signal);
    if (status !== 0) expect.fail(stderr.toString());
  }

  function newKey(name: string): readonly string[] {
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'];
    return [...curve, '-keyout', `${name}.key`];
  }

  async function makeCertificate(name: string, host: string): Promise<void> {
    const names = ['-subj', `/CN=${host}`, '-addext', `subjectAltName=DNS:${host}`];
    await openssl('req', '-x509', ...newKey(name), '-out', `${name}.crt`, ...names);
  }

  /** Only `openssl ca` lets every version choose the dates. */
  async function makeExpired(): Promise<void> {
    const config = [
      '[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nnew_certs_dir=.\nserial=serial',
      'default_md=sha256\npolicy=p\nx509_extensions=e\n[p]\ncommonName=supplied',
      '[e]\nsubjectAltName=DNS:localhost\n',
    ];
    writeFileSync(join(dir, 'ca.conf'), config.join('\n'));
    writeFileSync(join(dir, 'index.txt'), '');
    writeFileSync(join(dir, 'serial'), '01\n');
    await openssl('req', ...newKey('expired'), '-out', 'expired.csr', '-subj', '/CN=localhost');
    const dates = ['-startdate', '20200101000000Z', '-enddate', '20200102000000Z'];
    const files = ['-keyfile', 'expired.key', '-in', 'expired.csr', '-out', 'expired.crt'];
    await openssl('ca', '-batch', '-selfsign', '-notext', '-config', 'ca.conf', ...dates, ...files);
  }

  async function ask(
    name: string,
    options: { ca?: string; insecure?: boolean; server?: TlsOptions } = {},
  ): Promise<string> {
    const key = readFileSync(join(dir, `${name}.key`));
    const cert = readFileSync(join(dir, `${name}.crt`));
    server = createServer({ key, cert, ...options.server }, (_, response) => response.end('hello'));
    await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const transport = createTransport({
      isInsecure: () => options.insecure === true,
      extraCaPath: options.ca === undefined ? undefined : join(dir, `${options.ca}.crt`),
    });
    try {
      const url = new URL(`https://localhost:${String(port)}/`);
      const response = await transport.send({ method: 'GET', url }, signal);
      return (await readBody(response, 100, signal)).toString();
    } finally {
      transport.close();
    }
  }

  test('an unknown authority is refused, whatever NODE_TLS_REJECT_UNAUTHORIZED says', async () => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    await expect(ask('good')).rejects.toMatchObject({
      code: 'REGISTRY_UNTRUSTED',
      message: expect.stringContaining('its certificate is self-signed') as unknown,
      hint: 'Name a file with its certificate authority in STAGECRAFT_EXTRA_CA_CERTS.',
    });
  });

  test('an authority of the extra file is trusted', async () => {
    expect(await ask('good', { ca: 'good' })).toBe('hello');
  });

  test('a certificate for another host is refused', async () => {
    await expect(ask('other', { ca: 'other' })).rejects.toThrow(
      'its certificate is for another host',
    );
  });

  test('an expired certificate is refused', async () => {
    await expect(ask('expired', { ca: 'expired' })).rejects.toThrow('its certificate has expired');
  });

  test('any certificate will do where the user said so', async () => {
    expect(await ask('other', { insecure: true })).toBe('hello');
  });

  test('TLS 1.1 is refused', async () => {
    const old = {
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    } as const;
    await expect(ask('good', { ca: 'good', server: old })).rejects.toThrow('Cannot reach registry');
  });

  test.each([
    ['is missing', 'nothing', 'there is no such file'],
    ['holds no certificate', 'good.key', 'it holds no certificate in PEM form'],
  ])('an extra file that %s is an error', async (_, name, message) => {
    const transport = createTransport({ isInsecure: () => false, extraCaPath: join(dir, name) });
    const url = new URL('https://localhost:1/');
    await expect(transport.send({ method: 'GET', url }, signal)).rejects.toMatchObject({
      code: 'CA_FILE_UNUSABLE',
      message: `Cannot use the certificates in "${join(dir, name)}": ${message}`,
    });
  });
});

describe('plain HTTP', () => {
  const address = Object.values(networkInterfaces())
    .flat()
    .find((one) => one?.family === 'IPv4' && !one.internal)?.address;

  test.skipIf(address === undefined)(
    'is spoken with other machines only where the user said so',
    async () => {
      const dir = mkdtempSync(join(tmpdir(), 'plain-'));
      await using server = await startMemoryRegistry({ kind: 'none' }, address);
      const pull = async (insecure: boolean): Promise<unknown> => {
        using source = createRegistryImageSource({
          registries: { [server.host]: { insecure } },
          blobs: openDiskBlobStore(dir),
          env: {},
          homeDir: dir,
          retryTimings: { firstWaitMs: 1, longestWaitMs: 1 },
        });
        return await source.resolve(`${server.host}/app`, AMD64, signal);
      };
      await expect(pull(false)).rejects.toMatchObject({ code: 'REGISTRY_UNREACHABLE' });
      expect(server.requests).toEqual([]);
      await expect(pull(true)).rejects.toMatchObject({ code: 'IMAGE_NOT_FOUND' });
      rmSync(dir, { recursive: true });
    },
  );
});

describe('a server that stops in the middle', () => {
  async function ask(body: (write: (text: string) => void) => void): Promise<string> {
    const server = createPlainServer((_, response) => {
      response.writeHead(200);
      body((text) => response.write(text));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const transport = createTransport({ isInsecure: () => false, extraCaPath: undefined });
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
    await expect(stopped).rejects.toThrow('nothing more came');
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
