import { describe, expect, test } from 'vitest';
import { openRemote, submoduleRemote, type SecretReader } from './git-remote.ts';

const NO_SECRETS: SecretReader = () => undefined;

function secrets(values: Readonly<Record<string, string>>): SecretReader {
  return (id) => (values[id] === undefined ? undefined : Buffer.from(values[id]));
}

function basic(text: string): string {
  return `Basic ${Buffer.from(text).toString('base64')}`;
}

describe('openRemote()', () => {
  test('takes user and password out of the address', () => {
    expect(openRemote('https://me:p%40ss@h.example/r.git', NO_SECRETS)).toEqual({
      url: 'https://h.example/r.git',
      protocol: 'https',
      origin: 'https://h.example',
      host: 'h.example',
      authorization: basic('me:p@ss'),
    });
  });

  test.each([
    [{ GIT_AUTH_TOKEN: 'one' }, basic('x-access-token:one')],
    [
      { GIT_AUTH_TOKEN: 'one', 'GIT_AUTH_TOKEN.h.example:8443': 'two' },
      basic('x-access-token:two'),
    ],
    [{ GIT_AUTH_TOKEN: 'one', GIT_AUTH_HEADER: 'bearer x\r\nHost: evil' }, 'bearer x'],
    [{ 'GIT_AUTH_TOKEN.other.example': 'one' }, undefined],
  ])('logs in with %j', (values, expected) => {
    const { authorization } = openRemote('https://h.example:8443/r.git', secrets(values));
    expect(authorization).toBe(expected);
  });

  test.each([
    ['git@h.example:me/r.git', 'ssh'],
    ['ssh://git@h.example/r.git', 'ssh'],
    ['git://h.example/r.git', 'git'],
    ['http://h.example/r', 'http'],
  ])('%s is spoken to with %s alone', (address, protocol) => {
    expect(openRemote(address, NO_SECRETS)).toMatchObject({ protocol, authorization: undefined });
  });

  // What makes git or ssh run programs or read files of the host.
  test.each([
    'ext::sh -c id',
    'ext::sh',
    'file:///etc',
    '/etc',
    'ftp://h.example/r.git',
    '-oProxyCommand=id:r.git',
    'ssh://-oProxyCommand=id/r.git',
    'git@-oProxyCommand=id:r.git',
    '--upload-pack=id',
    'https://h.example/r.git\n--upload-pack=id',
    'git@h.example:--upload-pack=id',
  ])('refuses %j', (address) => {
    expect(() => openRemote(address, NO_SECRETS)).toThrow(
      expect.objectContaining({ code: 'GIT_TREE_REFUSED' }),
    );
  });
});

describe('submoduleRemote()', () => {
  const parent = openRemote('https://u:p@h.example/group/app.git', NO_SECRETS);

  test.each([
    ['../lib.git', 'https://h.example/group/lib.git', basic('u:p')],
    ['./lib.git', 'https://h.example/group/app.git/lib.git', basic('u:p')],
    ['https://h.example/x', 'https://h.example/x', basic('u:p')],
    ['https://h.example:444/x', 'https://h.example:444/x', undefined],
    ['http://h.example/x', 'http://h.example/x', undefined],
    ['https://evil.example/x', 'https://evil.example/x', undefined],
  ])('%s is %s and gets %s', (address, url, authorization) => {
    expect(submoduleRemote(parent, address, NO_SECRETS)).toMatchObject({ url, authorization });
  });

  test('tells a secret for all hosts to no other origin, and one for that host', () => {
    const all = secrets({ GIT_AUTH_TOKEN: 'all', 'GIT_AUTH_HEADER.other.example': 'Bearer its' });
    const own = openRemote('https://h.example/app.git', all);
    expect(own.authorization).toBe(basic('x-access-token:all'));
    const addresses = ['../lib.git', 'https://evil.example/x', 'https://other.example/x'];
    expect(addresses.map((each) => submoduleRemote(own, each, all).authorization)).toEqual([
      basic('x-access-token:all'),
      undefined,
      'Bearer its',
    ]);
  });

  test('joins relative addresses of the short form of SSH', () => {
    const short = openRemote('git@h.example:group/app.git', NO_SECRETS);
    expect(submoduleRemote(short, '../lib.git', NO_SECRETS).url).toBe(
      'git@h.example:group/lib.git',
    );
  });

  test.each(['../../../..//evil.example/x', 'file:///etc', 'ext::sh -c id'])(
    'refuses %s',
    (address) => {
      expect(() => submoduleRemote(parent, address, NO_SECRETS)).toThrow();
    },
  );
});
