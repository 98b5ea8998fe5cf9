import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createSshAgents } from './ssh-agents.ts';

const HAS_OPENSSH = existsSync('/usr/bin/ssh-agent') && existsSync('/usr/bin/ssh-keygen');
const { signal } = new AbortController();

// Agents are started in a pid namespace, which only root can make.
describe.skipIf(!HAS_OPENSSH || process.getuid?.() !== 0)('createSshAgents()', () => {
  let dir: string;
  let runtimeDir: string;

  beforeAll(() => {
    dir = mkdtempSync(join(tmpdir(), 'ssh-agents-'));
    runtimeDir = join(dir, 'run');
    mkdirSync(runtimeDir);
    makeKey('open', '');
    makeKey('locked', 'phrase');
    makeKey('locked-pem', 'phrase', ['-m', 'PEM', '-t', 'rsa', '-b', '2048']);
    makeKey('rsa-pem', '', ['-m', 'PEM', '-t', 'rsa', '-b', '2048']);
    writeFileSync(join(dir, 'text'), 'no key\n');
    writeFileSync(
      join(dir, 'broken'),
      '-----BEGIN RSA PRIVATE KEY-----\nAAAA\n-----END RSA PRIVATE KEY-----\n',
    );
    writeFileSync(join(dir, 'large'), Buffer.alloc(65_537));
  });
  afterAll(() => {
    rmSync(dir, { recursive: true });
  });

  function makeKey(name: string, phrase: string, kind = ['-t', 'ed25519']): void {
    const words = ['-q', ...kind, '-N', phrase, '-C', name, '-f', join(dir, name)];
    execFileSync('ssh-keygen', words, { stdio: 'ignore' });
  }

  test('loads keys into an agent of its own, once, and ends it', async () => {
    const agents = createSshAgents(
      new Map([['id', [join(dir, 'open'), join(dir, 'rsa-pem')]]]),
      runtimeDir,
    );
    const [socket = '', again] = await Promise.all([
      agents.socketOf('id', signal),
      agents.socketOf('id', signal),
    ]);
    expect(again).toBe(socket);
    const env = { SSH_AUTH_SOCK: socket };
    const listed = execFileSync('/usr/bin/ssh-add', ['-l'], { env, encoding: 'utf8' });
    expect(listed).toMatch(/^256 SHA256:\S+ open \(ED25519\)\n2048 SHA256:\S+ \S+ \(RSA\)\n$/);
    await agents[Symbol.asyncDispose]();
    expect(readdirSync(runtimeDir)).toEqual([]);
    expect(() => execFileSync('/usr/bin/ssh-add', ['-l'], { env, stdio: 'pipe' })).toThrow();
  });

  test('forwards a socket as it is, and knows no other id', async () => {
    const path = join(dir, 'socket');
    const server = createServer();
    await new Promise<void>((resolve) => server.listen(path, resolve));
    await using agents = createSshAgents(new Map([['default', [path]]]), runtimeDir);
    expect(await agents.socketOf('default', signal)).toBe(path);
    expect(await agents.socketOf('other', signal)).toBeUndefined();
    await using mixed = createSshAgents(new Map([['m', [path, 'key']]]), runtimeDir);
    await expect(mixed.socketOf('m', signal)).rejects.toMatchObject({
      code: 'SSH_AGENT_UNUSABLE',
      message: 'Cannot use SSH agent "m": it names a socket and other files',
    });
    await new Promise((resolve) => server.close(resolve));
  });

  test.each([
    ['locked', 'it is protected by a passphrase'],
    ['locked-pem', 'it is protected by a passphrase'],
    ['text', 'it is not a private key'],
    ['broken', 'Error loading key "(stdin)": '],
    ['large', 'it is too large for a key'],
    ['missing', 'ENOENT'],
    ['.', 'it is not a file'],
  ])('refuses the key file "%s"', async (name, found) => {
    const path = join(dir, name);
    await using agents = createSshAgents(new Map([['id', [path]]]), runtimeDir);
    await expect(agents.socketOf('id', signal)).rejects.toMatchObject({
      code: 'SSH_KEY_UNUSABLE',
      message: expect.stringContaining(`Cannot use SSH key "${path}": ${found}`) as string,
      hint: 'Load the key with ssh-add, and forward your agent with --ssh default',
    });
  });
});
