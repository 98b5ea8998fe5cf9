import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseChallenges } from './challenge.ts';
import { isLoopbackHost, trustRealm } from './token-realm.ts';

describe('trustRealm()', () => {
  test.each([
    // Name of the registry, its origin, the realm it gives, what the realm gets.
    ['docker.io', 'https://registry-1.docker.io', 'https://auth.docker.io/token', 'credentials'],
    ['ghcr.io', 'https://ghcr.io', 'https://ghcr.io/token', 'credentials'],
    ['r.gitlab.com', 'https://r.gitlab.com', 'https://gitlab.com/jwt/auth', 'credentials'],
    ['r.corp.co.uk', 'https://r.corp.co.uk', 'https://auth.corp.co.uk/t', 'credentials'],
    ['r.example', 'https://r.example:5000', 'https://r.example/token', 'credentials'],
    ['r.co.uk', 'https://r.co.uk', 'https://evil.co.uk/t', 'anonymous'],
    ['ghcr.io', 'https://ghcr.io', 'https://evil.io/token', 'anonymous'],
    ['ghcr.io', 'https://ghcr.io', 'https://ghcr.io.evil.com/token', 'anonymous'],
    ['ghcr.io', 'https://ghcr.io', 'https://evilghcr.io/token', 'anonymous'],
    ['8.8.8.8', 'https://8.8.8.8', 'https://9.8.8.8/token', 'anonymous'],
    ['quay.io', 'https://quay.io', 'http://quay.io/token', 'refused'],
    ['quay.io', 'https://quay.io', 'https://169.254.169.254/x', 'refused'],
    ['quay.io', 'https://quay.io', 'https://2130706433/x', 'refused'],
    ['quay.io', 'https://quay.io', 'https://0x7f.1/x', 'refused'],
    ['quay.io', 'https://quay.io', 'https://[::ffff:10.0.0.1]/x', 'refused'],
    ['quay.io', 'https://quay.io', 'https://[fd00::1]/x', 'refused'],
    ['quay.io', 'https://quay.io', 'https://localhost/x', 'refused'],
    ['quay.io', 'https://quay.io', 'https://me:secret@quay.io/x', 'refused'],
    ['quay.io', 'https://quay.io', 'file:///etc/passwd', 'refused'],
    ['quay.io', 'https://quay.io', '', 'refused'],
    ['127.0.0.1:5000', 'http://127.0.0.1:5000', 'http://127.0.0.1:5001/x', 'credentials'],
  ])('G02 registry %s at %s: realm %s gets %s', (registry, origin, realm, kind) => {
    expect(trustRealm(realm, registry, new URL(origin)).kind).toBe(kind);
  });
});

describe('isLoopbackHost()', () => {
  test.each(['localhost', 'localhost:5000', '127.0.0.1', '127.9.9.9:80', '[::1]:5000', '[::1]'])(
    '%s is this machine',
    (host) => expect(isLoopbackHost(host)).toBe(true),
  );
  test.each(['localhost.evil.com', '127.0.0.1.evil.com', '128.0.0.1', '10.0.0.1', 'a', '127.x'])(
    '%s is not',
    (host) => expect(isLoopbackHost(host)).toBe(false),
  );
});

describe('parseChallenges()', () => {
  test('reads several challenges, quoted and bare values, and keeps the first of two', () => {
    const header =
      'Bearer realm="https://a/t?x=1,2" , service=r.io,scope="a\\"b", realm="https://evil/", Basic realm="x"';
    expect(parseChallenges(header)).toEqual([
      {
        scheme: 'bearer',
        params: new Map([
          ['realm', 'https://a/t?x=1,2'],
          ['service', 'r.io'],
          ['scope', 'a"b'],
        ]),
      },
      { scheme: 'basic', params: new Map([['realm', 'x']]) },
    ]);
  });

  test('ends on any text', () => {
    const text = fc.string({ unit: fc.constantFrom('a', '"', ',', '=', ' ', '\\', '\u0000') });
    fc.assert(fc.property(text, (header) => Array.isArray(parseChallenges(header))));
  });
});
