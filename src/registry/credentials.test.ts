import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { createCredentialStore, type Credentials } from './credentials.ts';

const { signal } = new AbortController();
let home: string;

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'credentials-'));
  mkdirSync(join(home, '.docker'));
});
afterEach(() => rmSync(home, { recursive: true }));

function base64(text: string): string {
  return Buffer.from(text).toString('base64');
}

function find(config: unknown, registry: string): Promise<Credentials | undefined> {
  const text = typeof config === 'string' ? config : JSON.stringify(config);
  writeFileSync(join(home, '.docker/config.json'), text);
  return createCredentialStore({ env: { PATH: home }, homeDir: home }).find(registry, signal);
}

function helper(name: string, script: string): void {
  const path = join(home, `docker-credential-${name}`);
  writeFileSync(path, `#!/bin/sh\n${script}\n`);
  chmodSync(path, 0o755);
}

const ME = { kind: 'password', username: 'me', password: 's:ecret' };

describe('find()', () => {
  test.each([
    ['host', { auths: { 'r.io': { auth: base64('me:s:ecret') } } }, 'r.io', ME],
    ['host and port', { auths: { 'r.io:5': { auth: base64('me:s:ecret') } } }, 'r.io:5', ME],
    ['no other port', { auths: { 'r.io:5': { auth: base64('me:x') } } }, 'r.io', undefined],
    ['no other host', { auths: { 'r.io': { auth: base64('me:x') } } }, 'a.r.io', undefined],
    ['no path', { auths: { 'r.io/team': { auth: base64('me:x') } } }, 'r.io', undefined],
    [
      'Docker Hub',
      { auths: { 'https://index.docker.io/v1/': { auth: base64('me:s:ecret') } } },
      'docker.io',
      ME,
    ],
    [
      'not Docker Hub for others',
      { auths: { 'r.io': { auth: base64('me:x') } } },
      'docker.io',
      undefined,
    ],
    ['padding', { auths: { 'r.io': { auth: base64('me:s:ecret\0\0') } } }, 'r.io', ME],
    ['plain fields', { auths: { 'r.io': { username: 'me', password: 's:ecret' } } }, 'r.io', ME],
    [
      'a token',
      { auths: { 'r.io': { identitytoken: 't' } } },
      'r.io',
      { kind: 'identity-token', token: 't' },
    ],
    ['nothing', {}, 'r.io', undefined],
  ])('by %s', async (_, config, registry, expected) => {
    const found = await find(config, registry);
    if (expected === undefined) expect(found).toBeUndefined();
    else expect(found).toMatchObject({ ...expected, source: `${home}/.docker/config.json` });
  });

  test('without a file there are none', async () => {
    const store = createCredentialStore({
      env: { DOCKER_CONFIG: join(home, 'no') },
      homeDir: home,
    });
    expect(await store.find('r.io', signal)).toBeUndefined();
  });

  test.each([
    ['not JSON, without showing the file', '{"auths": secret', 'it is not JSON'],
    ['a bad entry', { auths: { 'r.io': { auth: 'AAAA' } } }, '"auth" of "r.io" is not a name'],
    ['a program that is missing', { credsStore: 'gone' }, 'there is no such program'],
    ['a program in a path', { credsStore: '../x' }, 'there is no such program'],
  ])('fails for %s', async (_, config, message) => {
    await expect(find(config, 'r.io')).rejects.toMatchObject({
      code: 'CREDENTIALS_UNUSABLE',
      message: expect.stringContaining(message) as unknown,
    });
  });
});

describe('credential programs', () => {
  test('get the name of the registry on standard input', async () => {
    helper('test', 'read server; echo "{\\"Username\\":\\"$1\\",\\"Secret\\":\\"$server\\"}"');
    const config = { credHelpers: { 'r.io': 'test' } };
    expect(await find(config, 'r.io')).toMatchObject({
      kind: 'password',
      username: 'get',
      password: 'r.io',
    });
    expect(await find(config, 'other.io')).toBeUndefined();
  });

  test('are asked for Docker Hub by its old address', async () => {
    helper('test', 'read server; echo "{\\"Username\\":\\"<token>\\",\\"Secret\\":\\"$server\\"}"');
    expect(await find({ credsStore: 'test' }, 'docker.io')).toMatchObject({
      kind: 'identity-token',
      token: 'https://index.docker.io/v1/',
    });
  });

  test('that know nothing leave the rest of the file', async () => {
    helper('test', 'echo "credentials not found in native keychain"; exit 1');
    const auths = { 'r.io': { auth: base64('me:s:ecret') } };
    expect(await find({ credsStore: 'test', auths }, 'r.io')).toMatchObject(ME);
  });

  test('G05 that fail are an error, never an anonymous pull', async () => {
    helper('test', 'echo "vault is locked" >&2; exit 1');
    await expect(find({ credsStore: 'test' }, 'r.io')).rejects.toThrow(
      'Cannot read credentials from "docker-credential-test": it failed: vault is locked',
    );
  });

  test('whose answer is something else are an error that does not show it', async () => {
    helper('test', 'echo "secret"');
    await expect(find({ credsStore: 'test' }, 'r.io')).rejects.toThrow(
      'Cannot read credentials from "docker-credential-test": its answer has no "Username" and "Secret"',
    );
  });
});
