import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { renderError } from '../diagnostics/render.ts';
import { USER_NAMESPACE_VARIABLE } from '../host/current-user-namespace.ts';
import { errorOf } from '../testing/build-errors.ts';
import { parseConfigFile, readConfigFile } from './config-file.ts';
import { storeRoot } from './store-root.ts';
import { HOST_UID_VARIABLE } from './user-identity.ts';

const failure = (act: () => unknown): string => renderError(errorOf(act));

describe('parseConfigFile()', () => {
  test('reads every key', () => {
    const json = {
      root: '/srv/images',
      jobs: 4,
      registries: { 'docker.io': { mirrors: ['mirror.example.com'] }, 'a:5': { insecure: true } },
    };
    const caCerts = ['host', '/etc/company.pem'];
    const network = { 'require-isolation': true };
    const proxies = { httpProxy: 'http://proxy:3128', noProxy: 'a,b' };
    const written = { ...json, proxies, 'ca-certs': caCerts, network };
    const read = { ...json, proxies, caCerts, requiresIsolatedNetwork: true };
    expect(parseConfigFile(JSON.stringify(written), 'c')).toEqual(read);
  });

  test('takes an empty object for the defaults', () => {
    expect(parseConfigFile('{}', 'c')).toEqual({
      registries: {},
      caCerts: [],
      requiresIsolatedNetwork: false,
    });
  });

  test.each([
    ['[]', 'it must be an object'],
    ['{"rot":"/x"}', 'unknown key "rot"\n  hint: Did you mean "root"?'],
    ['{"root":"x"}', '"root" must be an absolute path'],
    ['{"jobs":0}', '"jobs" must be a whole number from 1 to 1024'],
    ['{"jobs":"4"}', '"jobs" must be a whole number from 1 to 1024'],
    ['{"ca-certs":"host"}', '"ca-certs" must be a list of absolute paths, or "host"'],
    ['{"ca-certs":["a.pem"]}', '"ca-certs" must be a list of absolute paths, or "host"'],
    [
      '{"network":{"required-isolation":true}}',
      'unknown key "network.required-isolation"\n  hint: Did you mean "require-isolation"?',
    ],
    ['{"network":{"require-isolation":1}}', '"network.require-isolation" must be true or false'],
    ['{"proxies":{"http":"x"}}', 'unknown key "proxies.http"'],
    ['{"proxies":{"httpProxy":1}}', '"proxies.httpProxy" must be a text on one line'],
    ['{"registries":[]}', '"registries" must be an object'],
    ['{"registries":{"a":1}}', '"registries.a" must be an object'],
    [
      '{"registries":{"a":{"mirror":[]}}}',
      'unknown key "registries.a.mirror"\n  hint: Did you mean "mirrors"?',
    ],
    ['{"registries":{"a":{"mirrors":"m"}}}', '"registries.a.mirrors" must be a list of host names'],
    ['{"registries":{"a":{"insecure":1}}}', '"registries.a.insecure" must be true or false'],
  ])('refuses %s', (text, found) => {
    expect(failure(() => parseConfigFile(text, 'c.json'))).toBe(
      `error[CONFIG_INVALID]: Cannot use the configuration "c.json": ${found}`,
    );
  });

  test('refuses what is no JSON, in the words of the JSON reader', () => {
    expect(failure(() => parseConfigFile('{', 'c.json'))).toMatch(
      /^error\[CONFIG_INVALID\]: Cannot use the configuration "c\.json": .*JSON/,
    );
  });
});

describe('readConfigFile() and storeRoot()', () => {
  let dir: string;

  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'stagecraft-config-'));
  });

  afterEach(() => {
    rmSync(dir, { recursive: true, force: true });
  });

  const user = (
    env: Readonly<Record<string, string>>,
    uid = 1000,
  ): { env: Readonly<Record<string, string>>; uid: number; homeDir: string; cwd: string } => ({
    env,
    uid,
    homeDir: join(dir, 'home'),
    cwd: '/work',
  });

  function writeConfig(path: string, root: string): void {
    mkdirSync(join(path, '..'), { recursive: true });
    writeFileSync(path, JSON.stringify({ root }));
  }

  test('the named file goes before the one of the user', () => {
    writeConfig(join(dir, 'home/.config/stagecraft/config.json'), '/of-user');
    writeConfig(join(dir, 'named.json'), '/named');
    expect(readConfigFile(user({})).root).toBe('/of-user');
    expect(readConfigFile(user({ STAGECRAFT_CONFIG: join(dir, 'named.json') })).root).toBe(
      '/named',
    );
  });

  test('the named file has to be there', () => {
    const path = join(dir, 'none.json');
    expect(failure(() => readConfigFile(user({ STAGECRAFT_CONFIG: path })))).toBe(
      `error[CONFIG_INVALID]: Cannot use the configuration "${path}": there is no such file`,
    );
    expect(readConfigFile(user({}))).toEqual({
      registries: {},
      caCerts: [],
      requiresIsolatedNetwork: false,
    });
  });

  test('root of a namespace of ours keeps the configuration and the store of the user', () => {
    writeConfig(join(dir, 'xdg/stagecraft/config.json'), '/of-user');
    const inside = user(
      {
        XDG_CONFIG_HOME: join(dir, 'xdg'),
        [USER_NAMESPACE_VARIABLE]: 'single',
        [HOST_UID_VARIABLE]: '1000',
      },
      0,
    );
    expect(readConfigFile(inside).root).toBe('/of-user');
    expect(storeRoot(undefined, {}, inside)).toBe(join(dir, 'home/.local/share/stagecraft'));
  });

  test.each<
    [string, string | undefined, Record<string, string>, string | undefined, number, string]
  >([
    ['the flag first', 'flag', { STAGECRAFT_ROOT: '/env' }, '/config', 0, '/work/flag'],
    ['then the environment', undefined, { STAGECRAFT_ROOT: '/env' }, '/config', 0, '/env'],
    ['then the configuration', undefined, { STAGECRAFT_ROOT: '' }, '/config', 0, '/config'],
    ['then the place of root', undefined, {}, undefined, 0, '/var/lib/stagecraft'],
    ['or of the user', undefined, { XDG_DATA_HOME: '/data' }, undefined, 1, '/data/stagecraft'],
  ])('the store is named by %s', (_, flag, env, root, uid, expected) => {
    expect(storeRoot(flag, { root }, user(env, uid))).toBe(expected);
  });
});
