import { join } from 'node:path';
import type { Emit } from '../events/event.ts';
import type { ImageSource } from '../image/image-source.ts';
import { runtimeDirectory } from '../host/runtime-directory.ts';
import type { BuildHost, BuildTerminal } from './build-image.ts';
import { holdSources } from './kept-sources.ts';
import type { StepNetworks } from '../sandbox/step-network.ts';
import type { MountChoice } from '../snapshot/choose-mounter.ts';
import { localBaseImage } from './local-base-image.ts';
import { openScratch } from './scratch-directory.ts';
import { openStore, type Store } from './open-store.ts';

/** Mirrors and exceptions by registry host, as in the config file. */
export type RegistriesConfig = Readonly<
  Record<
    string,
    { readonly mirrors?: readonly string[] | undefined; readonly insecure?: boolean | undefined }
  >
>;

/** The world, as parameters. The command line and the API both fill this in. */
export interface HostOptions {
  /** Directory of the store. */
  readonly root: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absolute. */
  readonly cwd: string;
  /** Value of `process.arch`. */
  readonly arch: string;
  /** The user id that this process has; in a user namespace, the one inside. */
  readonly uid: number;
  /** For ~/.docker/config.json. */
  readonly homeDir: string;
  /** `--ca-cert`: paths, or `host`. */
  readonly caCerts?: readonly string[] | undefined;
  readonly registries: RegistriesConfig;
  /** Directories of device descriptions; undefined: those of the system. */
  readonly cdiDirectories?: readonly string[] | undefined;
  /** Asked for when something is written there: making it takes milliseconds. */
  readonly stdout: () => NodeJS.WritableStream;
  /** How the files of a step are shown to it; undefined is `auto`. */
  readonly snapshotter?: MountChoice | undefined;
  readonly emit: Emit;
  /** Told at the end what the result of a build depends on, where that can be told. */
  readonly noteReads?: BuildHost['noteReads'];
  readonly terminal?: BuildTerminal | undefined;
  /** Milliseconds since 1970. */
  now(): number;
}

/**
 * Opens everything that a build works with. What is heavy is loaded when it is first needed. Nothing is
 * tidied away from the store until it is disposed.
 * @throws BuildError STORE_UNUSABLE, or the signal's reason
 */
export function openBuildHost(
  options: HostOptions,
  signal: AbortSignal,
): Promise<BuildHost & AsyncDisposable> {
  return Promise.resolve().then(() => {
    signal.throwIfAborted();
    return openHost(options);
  });
}

function openStoreWithNote({ root, uid, snapshotter, emit }: HostOptions): Store {
  return openStore(root, uid, {
    mounting: snapshotter,
    onFallback(reason) {
      const text = `Files are copied for each step, which takes time and room: ${reason}`;
      emit({ type: 'note', text });
    },
  });
}

async function openNetworks(
  env: HostOptions['env'],
  mustIsolate: boolean,
  say: (text: string) => void,
): Promise<StepNetworks> {
  const { openStepNetworks } = await import('../sandbox/step-networks.ts');
  return openStepNetworks({
    runtimeDir: runtimeDirectory(env),
    searchPath: env['PATH'] ?? '',
    mustIsolate,
    onGap: ({ reason, remedy }) => {
      const help = remedy === undefined ? '' : ` (${remedy})`;
      say(`Steps use this host's network: ${reason}${help}`);
    },
  });
}

function openHost(options: HostOptions): BuildHost & AsyncDisposable {
  const { root, env } = options;
  const store = openStoreWithNote(options);
  const use = store.use();
  // One for all base images: they share tokens and connections.
  let source: Promise<ImageSource & Disposable> | undefined;
  async function openRegistrySource(): Promise<ImageSource & Disposable> {
    const { createRegistryImageSource } = await import('../registry/registry-image-source.ts');
    const { homeDir, registries, caCerts } = options;
    return createRegistryImageSource({ registries, blobs: store.blobs, env, homeDir, caCerts });
  }
  return {
    store,
    reopenStore: () => openStoreWithNote({ ...options, emit: () => undefined }),
    cwd: options.cwd,
    arch: options.arch,
    runtimeDir: runtimeDirectory(env),
    searchPath: env['PATH'] ?? '',
    terminal: options.terminal,
    images: {
      local: (reference, platform) => localBaseImage(reference, platform, store),
      registry: () => (source ??= openRegistrySource()),
      async layout(path) {
        const { createLayoutImageSource } = await import('../image/oci-layout.ts');
        return createLayoutImageSource(path, store.blobs);
      },
    },
    async openRemotes(access) {
      const { openRemoteSources } = await import('../sources/remote-sources.ts');
      return openRemoteSources({
        ...{ ...access, env, homeDir: options.homeDir, caCerts: options.caCerts },
        openScratch: () => openScratch(store.tmpDir),
        directory: join(root, 'sources'),
        lock: (name, signal) => store.lock(name, signal),
        hold: (signal) => holdSources(root, signal),
        now: () => options.now(),
      });
    },
    async openSandbox(isolation, platform, signal) {
      const { openSandbox } = await import('../sandbox/choose-sandbox.ts');
      return openSandbox({ isolation, platform, env, cacheDir: join(root, 'cache'), signal });
    },
    async findRunnable(platform) {
      const { findRunnableHere } = await import('../sandbox/choose-sandbox.ts');
      return findRunnableHere(platform, env);
    },
    openNetworks: (mustIsolate, say) => openNetworks(env, mustIsolate, say),
    async devices() {
      const { CDI_DIRECTORIES, readHostDevices } = await import('../devices/host-devices.ts');
      return readHostDevices(options.cdiDirectories ?? CDI_DIRECTORIES);
    },
    async authorities() {
      if (options.caCerts === undefined || options.caCerts.length === 0) return undefined;
      const { readGivenAuthorities } = await import('./given-authorities.ts');
      return readGivenAuthorities(options);
    },
    stdout: options.stdout,
    registryAccess: { registries: options.registries, env, homeDir: options.homeDir },
    async push(makeBlobs, references, pushOptions, signal) {
      const { pushImages } = await import('./push-images.ts');
      const { homeDir, registries, caCerts } = options;
      const deps = { registries, env, homeDir, caCerts, blobs: store.blobs };
      return pushImages(makeBlobs, references, pushOptions, deps, signal);
    },
    async claim(layers, references, claimOptions, signal) {
      const { claimBlobs } = await import('./claim-blobs.ts');
      const { homeDir, registries, caCerts } = options;
      const deps = { registries, env, homeDir, caCerts };
      return claimBlobs(layers, references, claimOptions, deps, signal);
    },
    emit: options.emit,
    noteReads: options.noteReads,
    now: () => options.now(),
    async [Symbol.asyncDispose]() {
      using _use = use;
      await using _store = store;
      (await source)?.[Symbol.dispose]();
    },
  };
}
