import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { checkLogin } from '../registry/check-login.ts';
import { createCredentialStore } from '../registry/credentials.ts';
import { forgetCredentials, keepCredentials } from '../registry/keep-credentials.ts';
import { registryName } from './login.ts';

const SIGNAL = new AbortController().signal;
const GOOD = { username: 'me', password: 's:ecret' };

let homeDir: string;
let server: Server;
let host: string;
const seen: string[] = [];

beforeEach(async () => {
  homeDir = mkdtempSync(join(tmpdir(), 'stagecraft-login-'));
  seen.length = 0;
  server = createServer((request, response) => {
    seen.push(request.url ?? '');
    const right = `Basic ${Buffer.from('me:s:ecret').toString('base64')}`;
    const isRight = request.headers.authorization === right;
    response.writeHead(isRight ? 200 : 401, { 'www-authenticate': 'Basic realm="test"' }).end('{}');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  if (address === null || typeof address === 'string') throw new Error('no port');
  host = `127.0.0.1:${address.port}`;
});

afterEach(async () => {
  await new Promise((resolve) => server.close(resolve));
  rmSync(homeDir, { recursive: true, force: true });
});

const access = () => ({ registries: {}, env: {}, homeDir });

test('checkLogin() takes what the registry takes, and asks above all repositories', async () => {
  await checkLogin(host, GOOD, access(), SIGNAL);
  expect(new Set(seen)).toEqual(new Set(['/v2/']));
});

test('checkLogin() refuses what the registry refuses, without the secret', async () => {
  const wrong = { username: 'me', password: 'hunter22' };
  const failure: unknown = await checkLogin(host, wrong, access(), SIGNAL).catch(
    (error: unknown) => error,
  );
  expect(failure).toMatchObject({ code: 'REGISTRY_UNAUTHORIZED' });
  expect(String(failure)).not.toContain('hunter22');
});

test('credentials are kept for their owner alone, beside what was there, and forgotten', async () => {
  const path = join(homeDir, '.docker/config.json');
  mkdirSync(join(homeDir, '.docker'));
  writeFileSync(path, '{"psFormat":"x","auths":{"other":{"auth":"YTpi"}}}', { mode: 0o644 });
  expect(await keepCredentials(host, GOOD, access(), SIGNAL)).toBe(path);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({
    psFormat: 'x',
    auths: { other: { auth: 'YTpi' } },
  });
  const found = await createCredentialStore(access()).find(host, SIGNAL);
  expect(found).toMatchObject({ kind: 'password', ...GOOD });
  expect(await forgetCredentials(host, access(), SIGNAL)).toBe(true);
  expect(await forgetCredentials(host, access(), SIGNAL)).toBe(false);
  expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({
    psFormat: 'x',
    auths: { other: { auth: 'YTpi' } },
  });
});

test('a program that config.json names keeps them instead', async () => {
  mkdirSync(join(homeDir, '.docker'));
  writeFileSync(join(homeDir, '.docker/config.json'), '{"credsStore":"fake"}');
  const kept = join(homeDir, 'kept');
  const program = `#!/bin/sh\necho "$1" > ${kept}\ncat >> ${kept}\n`;
  writeFileSync(join(homeDir, 'docker-credential-fake'), program, { mode: 0o755 });
  const env = { PATH: `${homeDir}:/usr/bin:/bin` };
  await keepCredentials(host, GOOD, { env, homeDir }, SIGNAL);
  const [word, json = ''] = readFileSync(kept, 'utf8').split('\n');
  expect(word).toBe('store');
  expect(JSON.parse(json)).toEqual({ ServerURL: host, Username: 'me', Secret: 's:ecret' });
  expect(readFileSync(join(homeDir, '.docker/config.json'), 'utf8')).toBe('{"credsStore":"fake"}');
});

test('a config.json that is not JSON is left alone', async () => {
  const path = join(homeDir, '.docker/config.json');
  mkdirSync(join(homeDir, '.docker'));
  writeFileSync(path, '{oops');
  await expect(keepCredentials(host, GOOD, access(), SIGNAL)).rejects.toMatchObject({
    code: 'CREDENTIALS_UNUSABLE',
  });
  expect(readFileSync(path, 'utf8')).toBe('{oops');
});

test.each([
  [undefined, 'docker.io'],
  ['https://index.docker.io/v1/', 'docker.io'],
  ['https://ghcr.io/v2/', 'ghcr.io'],
  ['localhost:5000', 'localhost:5000'],
])('registryName(%j) is %s', (word, expected) => {
  expect(registryName(word)).toBe(expected);
});
