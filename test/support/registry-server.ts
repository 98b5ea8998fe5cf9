import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { recipeFor } from '../bases/base-images.ts';
import { cacheDirectory, ensureBase } from '../bases/make-base.ts';
import { pushLayout } from './push-layout.ts';

/** Debian's package docker-registry. */
const PROGRAM = '/usr/bin/docker-registry';
const START_TRIES = 500;
const POLL_MS = 20;

/** A registry server on loopback. */
export interface RegistryServer extends AsyncDisposable {
  /** With scheme, without a slash at the end. */
  readonly url: string;
}

/**
 * Starts a registry server with the stand-ins for `names` (as users write them). What it stores is kept
 * in the cache of the tests, so only stand-ins that are new are made and pushed.
 */
export async function startBaseRegistry(names: readonly string[]): Promise<RegistryServer> {
  const server = await startRegistry(join(cacheDirectory(), 'registry'));
  try {
    for (const name of names) {
      const dir = await ensureBase(recipeFor(name), (text) => process.stderr.write(`${text}\n`));
      const { repository, tag } = repositoryOf(name);
      await pushLayout(dir, server.url, repository, tag);
    }
    return server;
  } catch (error) {
    await server[Symbol.asyncDispose]();
    throw error;
  }
}

/** Who may come in, and how. All are paths. */
export interface RegistrySecurity {
  /** Names and bcrypt hashes. */
  readonly htpasswd: string;
  readonly tls: {
    readonly certificate: string;
    readonly key: string;
    /** Authorities of the client certificates that are wanted. */
    readonly clientcas: readonly string[];
  };
}

/** Starts an empty registry server, or one with what `storage` has. */
export async function startRegistry(
  storage: string,
  security?: RegistrySecurity,
): Promise<RegistryServer> {
  mkdirSync(storage, { recursive: true });
  const dir = mkdtempSync(join(tmpdir(), 'stagecraft-registry-'));
  const address = `127.0.0.1:${String(await freePort())}`;
  const config = {
    version: 0.1,
    log: { level: 'error', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: storage }, delete: { enabled: true } },
    http: { addr: address, ...(security && { tls: security.tls }) },
    ...(security && { auth: { htpasswd: { realm: 'test', path: security.htpasswd } } }),
  };
  // JSON is YAML.
  writeFileSync(join(dir, 'config.yml'), JSON.stringify(config));
  const child = spawn(PROGRAM, ['serve', join(dir, 'config.yml')], {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { PATH: process.env['PATH'], OTEL_TRACES_EXPORTER: 'none' },
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text));
  const ended = once(child, 'close');
  // A test that fails while it cleans up must not leave a server behind.
  const clear = (): void => {
    child.kill('SIGKILL');
    rmSync(dir, { recursive: true, force: true });
  };
  process.once('exit', clear);
  const url = `${security === undefined ? 'http' : 'https'}://${address}`;
  const server: RegistryServer = {
    url,
    async [Symbol.asyncDispose]() {
      process.removeListener('exit', clear);
      clear();
      await ended;
    },
  };
  for (let tries = 0; tries < START_TRIES; tries++) {
    if (await answers(url)) return server;
    if (child.exitCode !== null) break;
    await delay(POLL_MS);
  }
  await server[Symbol.asyncDispose]();
  throw new Error(`Cannot start ${PROGRAM}: ${said.slice(-2000)}`);
}

/** A port of loopback that nobody listens on at the moment. */
export async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const address = probe.address();
  probe.close();
  await once(probe, 'close');
  if (address === null || typeof address === 'string') throw new Error('No port on loopback');
  return address.port;
}

/** Where a mirror of docker.io, and of gcr.io, has an image. */
function repositoryOf(name: string): { repository: string; tag: string } {
  const [path = '', tag = 'latest'] = name.split(':');
  const [first = '', ...rest] = path.split('/');
  if (rest.length === 0) return { repository: `library/${first}`, tag };
  return { repository: first.includes('.') ? rest.join('/') : path, tag };
}

/** It listens when it is ready. */
function answers(url: string): Promise<boolean> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const socket = connect(Number(port), hostname, () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}
