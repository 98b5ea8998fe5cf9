import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { freePort } from './free-port.ts';

/** An SSH server on loopback that lets the user of the tests in. */
export interface SshServer extends AsyncDisposable {
  /** `ssh://USER@127.0.0.1:PORT`; paths of this machine go behind it. */
  readonly url: string;
  /** The line of `known_hosts` that vouches for it. */
  readonly knownHost: string;
  /** Host path of the private key that it takes. */
  readonly key: string;
}

const SSHD = '/usr/sbin/sshd';

/**
 * Starts OpenSSH's server with a configuration and keys of its own, which it puts into `dir`. As root it
 * gets a /run of its own, as it wants a directory there.
 */
export async function startSshServer(dir: string): Promise<SshServer> {
  mkdirSync(dir);
  const [hostKey, key] = ['host-key', 'key'].map((name) => {
    const path = join(dir, name);
    execFileSync('ssh-keygen', ['-q', '-t', 'ed25519', '-N', '', '-C', 'test', '-f', path]);
    return path;
  });
  if (hostKey === undefined || key === undefined) throw new Error('No keys were made');
  writeFileSync(join(dir, 'authorized_keys'), readFileSync(`${key}.pub`));
  const port = await freePort();
  const config = join(dir, 'config');
  const lines = [
    ...[`Port ${String(port)}`, 'ListenAddress 127.0.0.1', `HostKey ${hostKey}`, 'PidFile none'],
    ...[`AuthorizedKeysFile ${join(dir, 'authorized_keys')}`, 'PasswordAuthentication no'],
    ...['KbdInteractiveAuthentication no', 'UsePAM no', 'PermitRootLogin prohibit-password'],
    // The directory of temporary files is everybody's.
    'StrictModes no',
  ];
  writeFileSync(config, `${lines.join('\n')}\n`);
  const command = [SSHD, '-D', '-e', '-f', config];
  const [program = '', ...args] = process.getuid?.() === 0 ? [...OWN_RUN, ...command] : command;
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = once(child, 'exit');
  let said = '';
  const listening = new Promise<void>((resolve) => {
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      if (said.includes('Server listening on')) resolve();
    });
  });
  await Promise.race([
    listening,
    ended.then(() => Promise.reject(new Error(`sshd ended: ${said}`))),
  ]);
  const [type = '', publicKey = ''] = readFileSync(`${hostKey}.pub`, 'utf8').split(' ');
  return {
    url: `ssh://${userInfo().username}@127.0.0.1:${String(port)}`,
    knownHost: `[127.0.0.1]:${String(port)} ${type} ${publicKey}\n`,
    key,
    async [Symbol.asyncDispose]() {
      child.kill();
      await ended;
    },
  };
}

/** Runs the command that follows, in this process, with an empty /run that nobody else sees. */
const OWN_RUN = [
  ...['unshare', '--mount', 'sh', '-c'],
  'mount -t tmpfs tmpfs /run && mkdir /run/sshd && exec "$@"',
  'sh',
];
