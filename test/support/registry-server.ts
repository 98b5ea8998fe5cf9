import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { recipeFor } from '../bases/base-images.ts';
import { cacheDirectory, ensureBase } from '../bases/make-base.ts';
import { freePort } from './free-port.ts';
import { collectRegistry } from './read-back/collect.ts';
import { pushLayout } from './push-layout.ts';

/** Debian's package docker-registry. */
const PROGRAM = '/usr/bin/docker-registry';
const START_TRIES = 500;
const POLL_MS = 20;

/** A registry server on loopback. */
export interface RegistryServer extends AsyncDisposable {
  /** With scheme, without a slash at the end. */
  readonly url: string;
  /** Address and port, as names of images begin with. */
  readonly host: string;
}

/**
 * Starts a registry server with the stand-ins for `names` (as users write them). What it stores is kept
 * in the cache of the tests, so only stand-ins that are new are made and pushed.
 */
export async function startBaseRegistry(names: readonly string[]): Promise<RegistryServer> {
  const server = await startRegistry({ storage: join(cacheDirectory(), 'registry') });
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

/** How a registry server is started. All are paths. */
export interface RegistryOptions {
  /** What it stores, kept afterwards. Without it, it is empty and what it was given goes with it. */
  readonly storage?: string;
  /** Names and bcrypt hashes of those who may come in. */
  readonly htpasswd?: string;
  readonly tls?: {
    readonly certificate: string;
    readonly key: string;
    /** Authorities of the client certificates that are wanted. */
    readonly clientcas: readonly string[];
  };
}

/** Starts a registry server. */
export async function startRegistry(options: RegistryOptions = {}): Promise<RegistryServer> {
  const { htpasswd, tls } = options;
  const dir = mkdtempSync(join(tmpdir(), 'stagecraft-registry-'));
  const storage = options.storage ?? join(dir, 'storage');
  mkdirSync(storage, { recursive: true });
  const host = `127.0.0.1:${String(await freePort())}`;
  const config = {
    version: 0.1,
    log: { level: 'error', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: storage }, delete: { enabled: true } },
    http: { addr: host, ...(tls && { tls }) },
    ...(htpasswd && { auth: { htpasswd: { realm: 'test', path: htpasswd } } }),
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
  const url = `${tls === undefined ? 'http' : 'https'}://${host}`;
  const server: RegistryServer = {
    url,
    host,
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await ended;
      if (options.storage === undefined) collectRegistry(storage, `a registry at ${host}`);
      process.removeListener('exit', clear);
      clear();
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
