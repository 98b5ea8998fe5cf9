import { createReadStream, mkdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { buildImage, type BuildHost } from '../../src/build/build-image.ts';
import { openScratch } from '../../src/build/scratch-directory.ts';
import { holdSources } from '../../src/build/kept-sources.ts';
import { openStore, type Store } from '../../src/build/open-store.ts';
import type { BuildRequest } from '../../src/build/request.ts';
import { parseDigest, type Digest } from '../../src/core/digest.ts';
import { digestOf } from '../../src/core/sha256.ts';
import { BuildError } from '../../src/diagnostics/build-error.ts';
import type { BaseImage } from '../../src/image/base-image.ts';
import { MEDIA_TYPE } from '../../src/image/manifest.ts';
import { parseConfig } from '../../src/image/parse-config.ts';
import type { ImageSource } from '../../src/image/image-source.ts';
import { openRemoteSources } from '../../src/sources/remote-sources.ts';
import { openSandbox } from '../../src/sandbox/choose-sandbox.ts';
import type { BaseImageFiles } from './base-images.ts';
import type { DifferentialCase } from './case.ts';
import type { Outcome, WrittenCase } from './outcome.ts';
import { readLayers } from './read-tree.ts';

/** Stagecraft with a store of its own, for all cases of a run. */
export interface OwnBuilder extends AsyncDisposable {
  build(test: DifferentialCase, written: WrittenCase, signal: AbortSignal): Promise<Outcome>;
}

/** Opens a builder that keeps everything below `root` and knows the base images. */
export function openOwnBuilder(root: string, bases: readonly BaseImageFiles[]): OwnBuilder {
  const store = openStore(root, process.getuid?.() ?? 0);
  const source = baseSource(bases);
  mkdirSync(join(root, 'run'));
  return {
    build: (test, written, signal) => build(test, written, hostOf(store, source, written), signal),
    [Symbol.asyncDispose]: () => store[Symbol.asyncDispose](),
  };
}

async function build(
  test: DifferentialCase,
  written: WrittenCase,
  host: BuildHost,
  signal: AbortSignal,
): Promise<Outcome> {
  try {
    const { images } = await buildImage(requestOf(test, written), host, signal);
    const image = images[0];
    if (image === undefined) throw new TypeError('A build without a result');
    const { snapshots } = host.store;
    const chain = image.root === undefined ? [] : snapshots.chain(image.root);
    const layerDirs = chain.map(({ dir }) => dir);
    const config: unknown = JSON.parse(Buffer.from(image.configBytes).toString('utf8'));
    const tree = readLayers(layerDirs, written.mountPoint, written.startedNs);
    return { kind: 'built', config, tree, layerDirs };
  } catch (error) {
    return refused(error);
  }
}

/** A throw that is not for users is a bug: it ends the run. */
function refused(error: unknown): Outcome {
  const errors: unknown[] = error instanceof AggregateError ? error.errors : [error];
  const known = errors.filter((each) => each instanceof BuildError);
  if (known.length < errors.length) throw error;
  return {
    kind: 'refused',
    codes: known.map(({ code }) => code),
    message: known.map(({ message }) => message).join(' | '),
    lines: known.flatMap(({ span }) =>
      span === undefined ? [] : span.file.text.slice(0, span.start).split('\n').length,
    ),
  };
}

function requestOf(test: DifferentialCase, written: WrittenCase): BuildRequest {
  const secrets = [...written.secrets].map(([id, path]) => [id, { kind: 'file', path }] as const);
  return {
    ...inputOf(test, written),
    target: test.target,
    buildArgs: new Map(Object.entries(test.buildArgs ?? {})),
    labels: new Map(Object.entries(test.labels ?? {})),
    platforms: [],
    noCache: false,
    namedContexts: new Map(),
    tags: [],
    outputs: [],
    annotations: [],
    cacheFrom: [],
    cacheTo: [],
    isVerified: false,
    pull: false,
    network: 'host',
    requiresIsolatedNetwork: false,
    addHosts: [],
    shmBytes: 64 * 1024 * 1024,
    jobs: undefined,
    isolation: 'auto',
    sourceDateEpoch: undefined,
    secrets: new Map(secrets),
    ssh: new Map(),
    entitlements: new Set(['network.host', 'security.insecure']),
    limits: {},
    ulimits: [],
    stepTimeoutMs: undefined,
    failure: { opensShell: false, exports: [] },
  };
}

function inputOf(
  test: DifferentialCase,
  { contextDir, dockerfile, archive = '', contextUrl = '' }: WrittenCase,
): Pick<BuildRequest, 'context' | 'dockerfile'> {
  const inside = { kind: 'file', path: undefined } as const;
  switch (test.contextAs) {
    case undefined:
      return {
        context: { kind: 'directory', path: contextDir },
        dockerfile: { kind: 'file', path: dockerfile },
      };
    case 'stdin-dockerfile':
      return {
        context: { kind: 'directory', path: contextDir },
        dockerfile: { kind: 'text', name: '<stdin>', text: readFileSync(dockerfile, 'utf8') },
      };
    case 'stdin-archive': {
      const bytes = createReadStream(archive) as AsyncIterable<Uint8Array>;
      return { context: { kind: 'archive', name: 'standard input', bytes }, dockerfile: inside };
    }
    case 'url-archive':
      return { context: { kind: 'url', url: contextUrl }, dockerfile: inside };
    case 'repository':
      return { context: { kind: 'git', url: contextUrl }, dockerfile: inside };
    default:
      return test.contextAs satisfies never;
  }
}

function hostOf(store: Store, source: ImageSource, written: WrittenCase): BuildHost {
  return {
    store,
    reopenStore: () => openStore(store.root, process.getuid?.() ?? 0),
    cwd: written.contextDir,
    arch: process.arch,
    runtimeDir: join(store.root, 'run'),
    searchPath: process.env['PATH'] ?? '',
    images: {
      local: () => undefined,
      registry: () => Promise.resolve(source),
      layout: () => Promise.resolve(source),
    },
    registryAccess: { registries: {}, env: {}, homeDir: '/nonexistent' },
    openRemotes: (access) =>
      Promise.resolve(
        openRemoteSources({
          env: process.env,
          homeDir: '/nonexistent',
          directory: join(store.root, 'sources'),
          openScratch: () => openScratch(store.tmpDir),
          lock: (name, signal) => store.lock(name, signal),
          hold: (signal) => holdSources(store.root, signal),
          now: () => Date.now(),
          ...access,
        }),
      ),
    openSandbox: (isolation, _platform, signal) =>
      openSandbox({ isolation, env: process.env, cacheDir: join(store.root, 'cache'), signal }),
    // All cases ask for the host's network.
    openNetworks: () => Promise.reject(new Error('A step asked for a network of its own')),
    devices: () => Promise.reject(new Error('Docker of that time knows no devices')),
    findRunnable: () => Promise.resolve({ kind: 'native' }),
    stdout: () => process.stdout,
    emit: () => undefined,
    now: () => Date.now(),
  };
}

/** Serves the base images from their uncompressed layers. */
function baseSource(bases: readonly BaseImageFiles[]): ImageSource {
  const files = new Map<string, string>();
  for (const { layers } of bases) for (const { diffId, path } of layers) files.set(diffId, path);
  return {
    resolve(name) {
      const base = bases.find((each) => name.includes(each.name));
      if (base === undefined) return Promise.reject(notFound(name));
      return Promise.resolve(baseImage(base));
    },
    openLayer(_image, { digest }) {
      const path = files.get(digest);
      if (path === undefined) throw new TypeError(`No layer ${digest}`);
      return Promise.resolve(createReadStream(path));
    },
  };
}

function baseImage({ name, config, layers }: BaseImageFiles): BaseImage {
  return {
    name,
    manifestDigest: digestOf(Buffer.from(name)),
    config: parseConfig(config, layers.length, name),
    configDigest: digestOf(config),
    layers: layers.map(({ path, diffId }) => ({
      mediaType: MEDIA_TYPE.ociLayer,
      digest: layerDigest(diffId),
      size: statSync(path).size,
    })),
  };
}

function layerDigest(text: string): Digest {
  const digest = parseDigest(text);
  if (digest === undefined) throw new TypeError(`No digest: ${text}`);
  return digest;
}

function notFound(name: string): BuildError {
  return new BuildError({
    code: 'IMAGE_NOT_FOUND',
    class: 'registry',
    message: `Cannot resolve "${name}": the test has no such image`,
  });
}
