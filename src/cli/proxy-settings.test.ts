import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { addProxyArguments, readDockerProxies } from './proxy-settings.ts';

describe('addProxyArguments()', () => {
  test('adds what is not given in either spelling', () => {
    const args = new Map([
      ['https_proxy', 'http://given:1'],
      ['OTHER', 'x'],
    ]);
    addProxyArguments(args, {
      httpProxy: 'http://p:3128',
      httpsProxy: 'http://p:3128',
      noProxy: '',
    });
    expect([...args]).toEqual([
      ['https_proxy', 'http://given:1'],
      ['OTHER', 'x'],
      ['HTTP_PROXY', 'http://p:3128'],
    ]);
  });
});

describe('readDockerProxies()', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'stagecraft-proxies-'));
    mkdirSync(join(dir, '.docker'));
  });
  afterEach(() => {
    rmSync(dir, { recursive: true });
  });
  const write = (text: string): void => writeFileSync(join(dir, '.docker/config.json'), text);

  test('takes the settings for all daemons, in the home directory or where DOCKER_CONFIG says', () => {
    const settings = { httpProxy: 'http://u:p@proxy:3128', noProxy: '*.example.org' };
    write(
      JSON.stringify({ auths: {}, proxies: { default: settings, 'tcp://x': { ftpProxy: '' } } }),
    );
    expect(readDockerProxies({ env: {}, homeDir: dir })).toEqual(settings);
    const env = { DOCKER_CONFIG: join(dir, '.docker') };
    expect(readDockerProxies({ env, homeDir: '/nowhere' })).toEqual(settings);
  });

  test.each(['{}', '[]', 'null', '{"proxies":1}', '{"proxies":{"default":{"httpProxy":"a\\nb"}}}'])(
    'finds nothing in %s',
    (text) => {
      write(text);
      expect(readDockerProxies({ env: {}, homeDir: dir })).toEqual({});
    },
  );

  test('does not need the file, and shows nothing of a broken one', () => {
    expect(readDockerProxies({ env: {}, homeDir: dir })).toEqual({});
    write('{"auths": secret');
    expect(() => readDockerProxies({ env: {}, homeDir: dir })).toThrow(
      `Cannot use the configuration "${join(dir, '.docker/config.json')}": it is not JSON`,
    );
  });
});
