import { mkdtempSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { replaceNameServers, writeNetworkFiles } from './network-files.ts';

describe('the network files of steps', () => {
  let dir: string;
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'stagecraft-network-files-'));
  });
  afterEach(() => {
    rmSync(dir, { recursive: true });
  });

  test('can be read by every user of a step, whatever the umask', () => {
    const umask = process.umask(0o077);
    try {
      const request = { hostname: 'h', extraHosts: [], nameServer: undefined };
      const { hosts, resolvConf } = writeNetworkFiles(dir, request);
      expect([hosts, resolvConf].map((path) => statSync(path).mode & 0o777)).toEqual([
        0o644, 0o644,
      ]);
    } finally {
      process.umask(umask);
    }
  });

  test('name the host and what was added', () => {
    const extraHosts = [{ host: 'db', address: '192.0.2.7' }];
    const { hosts } = writeNetworkFiles(dir, { hostname: 'h', extraHosts, nameServer: undefined });
    expect(readFileSync(hosts, 'utf8')).toMatch(
      /^127\.0\.0\.1\tlocalhost h\n(.*\n)*192\.0\.2\.7\tdb\n$/,
    );
  });

  test('a name server of its own takes the place of those of the host, and nothing else', () => {
    const text = '# a\nnameserver 127.0.0.53\nnameserver ::1\nsearch example.org\noptions edns0\n';
    expect(replaceNameServers(text, '10.0.2.3')).toBe(
      'nameserver 10.0.2.3\nsearch example.org\noptions edns0\n',
    );
  });
});
