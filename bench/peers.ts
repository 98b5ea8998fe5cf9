import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { existsSync, mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import type { BuildOptions, Command, Peer } from './peer.ts';

/** Stagecraft as built in this checkout. */
export function stagecraftPeer(main: string): Peer {
  return {
    name: 'stagecraft',
    version: () => firstLine('node', [main, '--version']),
    start(dir) {
      const env = { STAGECRAFT_ROOT: join(dir, 'stagecraft') };
      const command = (...args: string[]): Command => ({ argv: [main, ...args], env });
      return Promise.resolve({
        build: (options) => command('build', '--network=host', ...buildFlags(options), options.dir),
        push: (tag) => command('push', tag),
        pull: (tag) => command('pull', tag),
        forget: (tag) => [command('rmi', '-f', tag), command('prune', '--all', '--force')],
        [Symbol.asyncDispose]: () => Promise.resolve(),
      });
    },
  };
}

/** BuildKit inside Docker's engine, started with a data root of its own. */
export const dockerPeer: Peer = {
  name: 'docker-buildkit',
  version: () =>
    existsSync('/usr/sbin/dockerd') ? firstLine('/usr/bin/docker', ['--version']) : undefined,
  async start(dir) {
    const socket = `unix://${join(dir, 'docker.sock')}`;
    const daemon = spawn(
      '/usr/sbin/dockerd',
      [
        ...['--host', socket, '--data-root', join(dir, 'docker'), '--exec-root', join(dir, 'exec')],
        ...['--pidfile', join(dir, 'docker.pid'), '--iptables=false', '--bridge=none'],
      ],
      { stdio: 'ignore' },
    );
    const env = { DOCKER_HOST: socket, DOCKER_BUILDKIT: '1', DOCKER_CONFIG: join(dir, 'config') };
    const command = (...args: string[]): Command => ({ argv: ['/usr/bin/docker', ...args], env });
    await waitFor(
      () =>
        spawnSync('/usr/bin/docker', ['info'], { env: { ...process.env, ...env } }).status === 0,
    );
    return {
      build: (options) =>
        command('build', '--network=host', '-q', ...buildFlags(options), options.dir),
      push: (tag) => command('push', '-q', tag),
      pull: (tag) => command('pull', '-q', tag),
      forget: (tag) => [command('rmi', '-f', tag), command('builder', 'prune', '-af')],
      [Symbol.asyncDispose]: () => stop(daemon),
    };
  },
};

/** Buildah with a storage of its own, steps in a chroot: its quickest way as root. */
export const buildahPeer: Peer = {
  name: 'buildah',
  version: () => firstLine('buildah', ['--version']),
  start(dir) {
    const storage = ['--root', join(dir, 'buildah'), '--runroot', join(dir, 'buildah-run')];
    mkdirSync(join(dir, 'buildah'), { recursive: true });
    const command = (name: string, ...args: string[]): Command => ({
      argv: ['buildah', ...storage, name, ...args],
      env: {},
    });
    const insecure = '--tls-verify=false';
    return Promise.resolve({
      build: (options) =>
        command(
          'build',
          '--isolation=chroot',
          '--network=host',
          '--layers',
          '--jobs=8',
          insecure,
          '-q',
          ...buildFlags(options),
          options.dir,
        ),
      push: (tag) => command('push', '-q', insecure, tag),
      pull: (tag) => command('pull', '-q', insecure, tag),
      forget: (tag) => [command('rmi', '-f', tag), command('rmi', '-a', '-f')],
      [Symbol.asyncDispose]: () => Promise.resolve(),
    });
  },
};

function buildFlags({ dockerfile, tag, noCache, target }: BuildOptions): string[] {
  return [
    ...['-t', tag, '-f', dockerfile],
    ...(noCache ? ['--no-cache'] : []),
    ...(target === undefined ? [] : ['--target', target]),
  ];
}

function firstLine(program: string, args: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync(program, args, { encoding: 'utf8' });
  return status === 0 ? stdout.split('\n')[0] : undefined;
}

const START_TRIES = 100;

async function waitFor(isReady: () => boolean): Promise<void> {
  for (let tries = 0; tries < START_TRIES; tries++) {
    if (isReady()) return;
    await setTimeout(200);
  }
  throw new Error('The daemon did not start within 20 seconds');
}

async function stop(daemon: ChildProcess): Promise<void> {
  const gone = new Promise((resolve) => daemon.once('exit', resolve));
  daemon.kill('SIGTERM');
  await gone;
}
