import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TlsOptions } from 'node:tls';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import {
  makeCertificate,
  makeExpiredCertificate,
  makeSignedCertificate,
  OPENSSL,
} from '../testing/certificates.ts';
import { PLAIN_HTTP_ERRORS } from '../testing/http-errors.ts';
import { startProxyServer, type ProxyServer } from '../testing/proxy-server.ts';
import { readBody } from './body.ts';
import { givenAuthorities } from './certificates.ts';
import { createTransport } from './transport.ts';

const { signal } = new AbortController();

describe.skipIf(OPENSSL === undefined)('TLS', () => {
  let dir: string;
  let server: Server | undefined;

  beforeAll(async () => {
    dir = mkdtempSync(join(tmpdir(), 'tls-'));
    await makeCertificate(dir, 'good', 'localhost');
    await makeCertificate(dir, 'other', 'elsewhere.example');
    await makeCertificate(dir, 'ca', 'authority.example');
    await makeSignedCertificate(dir, 'signed', 'ca', 'registry.example');
    await makeSignedCertificate(dir, 'client', 'ca', 'client.example');
    await makeExpiredCertificate(dir, 'expired');
  });
  afterAll(() => rmSync(dir, { recursive: true }));
  afterEach(() => {
    server?.closeAllConnections();
    server?.close();
    vi.unstubAllEnvs();
    rmSync(join(dir, 'certs.d'), { recursive: true, force: true });
  });

  interface Asking {
    readonly ca?: string;
    readonly given?: readonly string[];
    readonly systemCa?: string;
    readonly insecure?: boolean;
    readonly server?: TlsOptions;
    readonly proxy?: ProxyServer;
    readonly host?: string;
  }

  async function listen(name: string, options: Asking): Promise<string> {
    const key = readFileSync(join(dir, `${name}.key`));
    const cert = readFileSync(join(dir, `${name}.crt`));
    server = createServer({ key, cert, ...options.server }, (_, response) => response.end('hello'));
    await new Promise<void>((resolve) => server?.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    return `${options.host ?? 'localhost'}:${port}`;
  }

  async function ask(name: string, options: Asking = {}): Promise<string> {
    return askHost(await listen(name, options), options);
  }

  async function askHost(host: string, options: Asking = {}): Promise<string> {
    const transport = createTransport({
      errors: PLAIN_HTTP_ERRORS,
      isInsecure: () => options.insecure === true,
      certificates: {
        extraCaPaths: options.ca === undefined ? [] : [join(dir, options.ca)],
        given: options.given,
        hostDirs: [join(dir, 'nothing'), join(dir, 'certs.d')],
        systemCaPath: options.systemCa === undefined ? undefined : join(dir, options.systemCa),
      },
      env: options.proxy === undefined ? {} : { HTTPS_PROXY: `http://${options.proxy.host}` },
    });
    try {
      const url = new URL(`https://${host}/`);
      const response = await transport.send({ method: 'GET', url }, signal);
      return (await readBody(response, 100, signal)).toString();
    } finally {
      transport.close();
    }
  }

  function putHostFile(host: string, source: string, name: string): void {
    mkdirSync(join(dir, 'certs.d', host), { recursive: true });
    copyFileSync(join(dir, source), join(dir, 'certs.d', host, name));
  }

  test('G13 an unknown authority is refused, whatever NODE_TLS_REJECT_UNAUTHORIZED says', async () => {
    vi.stubEnv('NODE_TLS_REJECT_UNAUTHORIZED', '0');
    await expect(ask('good')).rejects.toThrow('untrusted: its certificate is self-signed');
  });

  test('an authority of the extra file is trusted', async () => {
    expect(await ask('good', { ca: 'good.crt' })).toBe('hello');
  });

  test('an authority that was given is trusted, and "host" adds nothing', async () => {
    expect(await ask('good', { given: ['host', join(dir, 'good.crt')] })).toBe('hello');
    await expect(ask('good', { given: ['host'] })).rejects.toThrow('untrusted');
  });

  test('givenAuthorities() knows those of the host from those of files', async () => {
    const hostDirs: string[] = [];
    const options = { extraCaPaths: [join(dir, 'good.crt')], hostDirs, systemCaPath: undefined };
    const pem = readFileSync(join(dir, 'good.crt'), 'latin1').trim();
    expect(await givenAuthorities(options)).toBeUndefined();
    expect(await givenAuthorities({ ...options, given: ['host'] })).toContain(pem);
    const file = join(dir, 'good.crt');
    expect(await givenAuthorities({ extraCaPaths: [], hostDirs, given: [file] })).toEqual([pem]);
    const missing = givenAuthorities({ ...options, given: ['/nowhere.pem'] });
    await expect(missing).rejects.toMatchObject({
      message: 'Cannot use the certificates in "/nowhere.pem": there is no such file',
      hint: 'Give a file in PEM form, or "host".',
    });
  });

  test('an authority of the system is trusted', async () => {
    expect(await ask('good', { systemCa: 'good.crt' })).toBe('hello');
  });

  test('G13 a certificate for another host is refused', async () => {
    await expect(ask('other', { ca: 'other.crt' })).rejects.toThrow(
      'untrusted: its certificate is for another host',
    );
  });

  test('G13 an expired certificate is refused', async () => {
    await expect(ask('expired', { ca: 'expired.crt' })).rejects.toThrow(
      'untrusted: its certificate has expired',
    );
  });

  test('any certificate will do where the user said so', async () => {
    expect(await ask('other', { insecure: true })).toBe('hello');
  });

  test('G13 TLS 1.1 is refused', async () => {
    const old = {
      minVersion: 'TLSv1',
      maxVersion: 'TLSv1.1',
      ciphers: 'DEFAULT@SECLEVEL=0',
    } as const;
    await expect(ask('good', { ca: 'good.crt', server: old })).rejects.toThrow('unreachable');
  });

  test.each([
    ['is missing', 'nothing', 'there is no such file'],
    ['holds no certificate', 'good.key', 'it holds no certificate in PEM form'],
    ['holds a broken one', 'broken.crt', 'a certificate in it cannot be read'],
  ])('an extra file that %s is an error', async (_, ca, message) => {
    const block = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
    writeFileSync(join(dir, 'broken.crt'), block);
    await expect(askHost('localhost:1', { ca })).rejects.toMatchObject({
      code: 'CA_FILE_UNUSABLE',
      message: `Cannot use the certificates in "${join(dir, ca)}": ${message}`,
      hint: 'Correct or unset STAGECRAFT_EXTRA_CA_CERTS.',
    });
  });

  test('an authority in the directory of the host is trusted for that host and port', async () => {
    const host = await listen('good', {});
    putHostFile(host, 'good.crt', 'ca.crt');
    expect(await askHost(host)).toBe('hello');
    rmSync(join(dir, 'certs.d'), { recursive: true });
    putHostFile('localhost', 'good.crt', 'ca.crt');
    await expect(askHost(host)).rejects.toThrow('untrusted');
  });

  const wantsClient = (): TlsOptions => ({
    requestCert: true,
    rejectUnauthorized: true,
    ca: readFileSync(join(dir, 'ca.crt')),
  });

  test('a client certificate of the directory of the host is shown', async () => {
    const host = await listen('good', { server: wantsClient() });
    putHostFile(host, 'good.crt', 'ca.crt');
    putHostFile(host, 'client.crt', 'client.cert');
    putHostFile(host, 'client.key', 'client.key');
    expect(await askHost(host)).toBe('hello');
  });

  test.each(['TLSv1.2', 'TLSv1.3'] as const)(
    'a host that wants a client certificate says so, in %s',
    async (version) => {
      const tls = { ...wantsClient(), minVersion: version, maxVersion: version };
      await expect(ask('good', { ca: 'good.crt', server: tls })).rejects.toThrow(
        /unreachable: (?:it wants a client certificate|the connection broke)/,
      );
    },
  );

  test('a client certificate without its key is an error', async () => {
    putHostFile('localhost:1', 'client.crt', 'client.cert');
    await expect(askHost('localhost:1')).rejects.toMatchObject({
      code: 'CA_FILE_UNUSABLE',
      message: `Cannot use the certificates in "${join(dir, 'certs.d/localhost:1')}": "client.cert" has no "client.key" beside it`,
    });
  });

  test('a client certificate with the key of another is an error', async () => {
    putHostFile('localhost:1', 'client.crt', 'client.cert');
    putHostFile('localhost:1', 'good.key', 'client.key');
    await expect(askHost('localhost:1')).rejects.toMatchObject({
      code: 'CA_FILE_UNUSABLE',
      message: `Cannot use the certificates in "${join(dir, 'certs.d/localhost:1')}": a client certificate or its key cannot be read, or they do not belong together`,
      hint: `Correct or remove ${join(dir, 'certs.d/localhost:1')}.`,
    });
  });

  test('TLS is spoken with the host, not with the proxy between', async () => {
    await using proxy = await startProxyServer();
    const host = await listen('signed', { host: 'registry.example' });
    expect(await askHost(host, { ca: 'ca.crt', proxy })).toBe('hello');
    expect(proxy.requests).toMatchObject([{ method: 'CONNECT', target: host }]);
    const other = `other.example:${host.split(':')[1] ?? ''}`;
    await expect(askHost(other, { ca: 'ca.crt', proxy })).rejects.toThrow(
      'untrusted: its certificate is for another host',
    );
  });

  test('a host without TLS is not taken for a broken connection', async () => {
    await using plain = await startProxyServer();
    await expect(askHost(plain.host)).rejects.toThrow('unreachable: it does not speak TLS');
  });
});
