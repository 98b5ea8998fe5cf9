import { describe, expect, test } from 'vitest';
import { proxyFor } from './proxy.ts';

const PROXY = 'http://proxy.example:3128';

describe('proxyFor()', () => {
  test.each([
    ['https://a.example/', { HTTPS_PROXY: PROXY }, 'proxy.example:3128'],
    ['http://a.example/', { HTTP_PROXY: PROXY }, 'proxy.example:3128'],
    ['http://a.example/', { http_proxy: PROXY }, 'proxy.example:3128'],
    ['https://a.example/', { HTTPS_PROXY: '', https_proxy: PROXY }, 'proxy.example:3128'],
    ['https://a.example/', { HTTPS_PROXY: 'proxy.example:8080' }, 'proxy.example:8080'],
    ['https://a.example/', { HTTPS_PROXY: 'https://proxy.example' }, 'proxy.example'],
    ['https://a.example/', { HTTP_PROXY: PROXY }, undefined],
    ['http://a.example/', { HTTPS_PROXY: PROXY }, undefined],
    ['https://a.example/', {}, undefined],
  ])('%s with %j goes through %s', (url, env, expected) => {
    expect(proxyFor(new URL(url), env)?.url.host).toBe(expected);
  });

  test.each([
    ['http://localhost:5000/'],
    ['http://127.0.0.1:5000/'],
    ['http://127.9.9.9/'],
    ['https://[::1]/'],
  ])('%s is this machine, and needs none', (url) => {
    expect(proxyFor(new URL(url), { HTTP_PROXY: PROXY, HTTPS_PROXY: PROXY })).toBeUndefined();
  });

  test.each([
    ['*', 'https://a.example/', true],
    ['a.example', 'https://a.example/', true],
    ['a.example', 'https://b.a.example/', true],
    ['a.example', 'https://ba.example/', false],
    ['.a.example', 'https://b.a.example/', true],
    ['.a.example', 'https://a.example/', false],
    ['*.a.example', 'https://b.a.example/', true],
    ['A.Example', 'https://a.example/', true],
    ['a.example:443', 'https://a.example/', true],
    ['a.example:5000', 'https://a.example/', false],
    ['a.example:5000', 'https://a.example:5000/', true],
    [' b.example , a.example ', 'https://a.example/', true],
    ['10.0.0.0/8', 'https://10.1.2.3/', true],
    ['10.0.0.0/8', 'https://11.1.2.3/', false],
    ['10.0.0.0/99', 'https://10.1.2.3/', false],
    ['10.1.2.3', 'https://10.1.2.3:5000/', true],
    ['10.1.2.3:5000', 'https://10.1.2.3:5000/', true],
    ['.2.3', 'https://10.1.2.3/', false],
    ['fd00::/8', 'https://[fd00::1]/', true],
    ['fd00::/8', 'https://[fe80::1]/', false],
    ['[fd00::1]:5000', 'https://[fd00::1]:5000/', true],
    ['fd00::1', 'https://[fd00::1]/', true],
    ['', 'https://a.example/', false],
    [',,', 'https://a.example/', false],
  ])('NO_PROXY=%j keeps %s out: %s', (noProxy, url, isOut) => {
    const found = proxyFor(new URL(url), { HTTPS_PROXY: PROXY, no_proxy: noProxy });
    expect(found === undefined).toBe(isOut);
  });

  test('keeps name and password apart from the address', () => {
    const found = proxyFor(new URL('https://a.example/'), {
      HTTPS_PROXY: 'http://me:s%40cret@proxy.example:3128',
    });
    expect(found?.url.href).toBe('http://proxy.example:3128/');
    expect(found?.authorization).toBe(`Basic ${Buffer.from('me:s@cret').toString('base64')}`);
  });

  test.each([
    ['http://me:s@cret@:x', 'it is not a URL'],
    ['socks5://me:secret@proxy.example', '"socks5://" is not a kind of proxy that can be used'],
  ])('refuses %s without showing it', (value, found) => {
    expect(() => proxyFor(new URL('https://a.example/'), { https_proxy: value })).toThrow(
      expect.objectContaining({
        code: 'PROXY_UNUSABLE',
        class: 'host',
        message: `Cannot use the proxy in https_proxy: ${found}`,
        hint: 'Set it to a URL such as "http://proxy.example:3128".',
      }) as Error,
    );
  });
});
