import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { startDocker, whyNoDocker } from '../test/support/docker-daemon.ts';
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

const CLIENT = '/usr/bin/docker';

/** BuildKit inside Docker's engine, started with a data root of its own. */
export const dockerPeer: Peer = {
  name: 'docker-buildkit',
  version: () => (whyNoDocker(CLIENT) === undefined ? firstLine(CLIENT, ['--version']) : undefined),
  async start(dir) {
    const below = join(dir, 'docker');
    mkdirSync(below);
    const daemon = await startDocker(below, CLIENT);
    const env = {
      ...{ DOCKER_HOST: daemon.socket, DOCKER_BUILDKIT: '1' },
      DOCKER_CONFIG: join(below, 'config'),
    };
    const command = (...args: string[]): Command => ({ argv: [CLIENT, ...args], env });
    return {
      build: (options) =>
        command('build', '--network=host', '-q', ...buildFlags(options), options.dir),
      push: (tag) => command('push', '-q', tag),
      pull: (tag) => command('pull', '-q', tag),
      forget: (tag) => [command('rmi', '-f', tag), command('builder', 'prune', '-af')],
      [Symbol.asyncDispose]: () => daemon[Symbol.asyncDispose](),
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
