import { homedir } from 'node:os';
import { resolve } from 'node:path';
import { buildImage, type BuildResult } from './build/build-image.ts';
import { readContextWord } from './build/context-word.ts';
import { openBuildHost, type RegistriesConfig } from './build/open-host.ts';
import type { BuildRequest, Entitlement, FailureExport, SecretSource } from './build/request.ts';
import { storeRoot } from './cli/store-root.ts';
import type { ResourceLimit } from './sandbox/sandbox.ts';
import { DEFAULT_PIDS, type StepLimits } from './sandbox/step-limits.ts';
import { hostPlatform, parsePlatform } from './core/platform.ts';
import { BuildError } from './diagnostics/build-error.ts';
import type { BuildEvent } from './events/event.ts';

export type { BuildResult } from './build/build-image.ts';
export type { FinishedImage } from './build/finish-image.ts';
export type { RegistriesConfig } from './build/open-host.ts';
export type { Entitlement, FailureExport, SecretSource } from './build/request.ts';
export { BuildError, EXIT_STATUS } from './diagnostics/build-error.ts';
export { renderDiagnostic, renderError } from './diagnostics/render.ts';
export type * from './events/event.ts';

const DEFAULT_SHM_BYTES = 64 * 1024 * 1024;

/** What to build. Everything but the context has the default that `stagecraft build` has. */
export interface BuildOptions {
  /** A directory, the URL of a git repository or of a tar archive; undefined is a build without files, which needs `dockerfileText`. */
  readonly context: string | undefined;
  /** Path of the Dockerfile, from the working directory. */
  readonly file?: string | undefined;
  /** The Dockerfile itself, instead of a file. */
  readonly dockerfileText?: string | undefined;
  readonly target?: string | undefined;
  readonly tags?: readonly string[] | undefined;
  /** As `-o` on the command line: `type=oci,dest=app.tar`. */
  readonly outputs?: readonly string[] | undefined;
  /** As `--annotation` on the command line: `index:org.opencontainers.image.title=App`. */
  readonly annotations?: readonly string[] | undefined;
  /** As `--cache-from` on the command line: `type=registry,ref=example.com/cache`. */
  readonly cacheFrom?: readonly string[] | undefined;
  /** As `--cache-to` on the command line: `type=local,dest=cache,mode=max`. */
  readonly cacheTo?: readonly string[] | undefined;
  readonly buildArgs?: Readonly<Record<string, string>> | undefined;
  readonly labels?: Readonly<Record<string, string>> | undefined;
  readonly namedContexts?: Readonly<Record<string, string>> | undefined;
  readonly secrets?: Readonly<Record<string, SecretSource>> | undefined;
  /** As `--ssh`, by id: one socket of an agent, or private key files; absolute paths. */
  readonly ssh?: Readonly<Record<string, readonly string[]>> | undefined;
  /** As `--allow`. */
  readonly entitlements?: readonly Entitlement[] | undefined;
  /** What each step may use of the host. */
  readonly limits?: StepLimits | undefined;
  readonly ulimits?: readonly ResourceLimit[] | undefined;
  readonly stepTimeoutMs?: number | undefined;
  /** Files of a failed step to save. */
  readonly exportOnError?: readonly FailureExport[] | undefined;
  /** `linux/arm64` and the like. */
  readonly platforms?: readonly string[] | undefined;
  /** True for all steps, or the names of stages. */
  readonly noCache?: boolean | readonly string[] | undefined;
  /** Build twice without cache; what differs is an error NOT_REPRODUCIBLE and an event `builds-compared`. */
  readonly verify?: boolean | undefined;
  readonly pull?: boolean | undefined;
  readonly network?: BuildRequest['network'] | undefined;
  /** Fail where steps cannot have a network of their own. */
  readonly requiresIsolatedNetwork?: boolean | undefined;
  readonly addHosts?: BuildRequest['addHosts'] | undefined;
  readonly shmBytes?: number | undefined;
  readonly jobs?: number | undefined;
  readonly isolation?: BuildRequest['isolation'] | undefined;
  /** Seconds since 1970. */
  readonly sourceDateEpoch?: number | undefined;

  /** Directory of the store. */
  readonly root?: string | undefined;
  readonly registries?: RegistriesConfig | undefined;
  /** Authorities to trust, here and in steps: paths of files in PEM form, or `host`. */
  readonly caCerts?: readonly string[] | undefined;
  /** Directories of device descriptions for `RUN --device`; those of the system if left out. */
  readonly cdiDirectories?: readonly string[] | undefined;
  /** Where relative paths start. */
  readonly cwd?: string | undefined;
  /** Nothing of it reaches a step. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  /** Called with everything that happens, in order. It must not throw. */
  readonly onEvent?: ((event: BuildEvent) => void) | undefined;
  readonly signal?: AbortSignal | undefined;
}

/**
 * Builds an image, as `stagecraft build` does. The process has to be root, of the host or of a user
 * namespace: a running Node cannot enter one, which the command does by starting itself anew.
 *
 *     const { images } = await build({ context: '.', tags: ['app'], onEvent: (event) => … });
 *
 * @throws BuildError, AggregateError of them, or the signal's reason
 */
export async function build(options: BuildOptions): Promise<BuildResult> {
  const env = options.env ?? process.env;
  const cwd = resolve(options.cwd ?? '.');
  const uid = process.getuid?.() ?? 0;
  if (uid !== 0) throw notRoot(uid);
  const homeDir = env['HOME'] ?? homedir();
  const request = toRequest(options);
  const signal = options.signal ?? new AbortController().signal;
  const hostOptions = {
    root: storeRoot(options.root, {}, { env, uid, homeDir, cwd }),
    env,
    cwd,
    arch: process.arch,
    uid,
    homeDir,
    registries: options.registries ?? {},
    caCerts: (options.caCerts ?? []).map((path) => (path === 'host' ? path : resolve(cwd, path))),
    cdiDirectories: options.cdiDirectories?.map((path) => resolve(cwd, path)),
    stdout: () => process.stdout,
    emit: options.onEvent ?? (() => undefined),
    now: () => Date.now(),
  };
  await using host = await openBuildHost(hostOptions, signal);
  return await buildImage(request, host, signal);
}

function toRequest(options: BuildOptions): BuildRequest {
  const { context, dockerfileText } = options;
  if (context === undefined && dockerfileText === undefined) {
    throw badOption('context', 'undefined', 'a build without files needs "dockerfileText"');
  }
  return {
    context: context === undefined ? { kind: 'empty' } : readContextWord(context),
    dockerfile:
      dockerfileText === undefined
        ? { kind: 'file', path: options.file }
        : { kind: 'text', name: 'Dockerfile', text: dockerfileText },
    target: options.target,
    buildArgs: toMap(options.buildArgs),
    labels: toMap(options.labels),
    platforms: (options.platforms ?? []).map(toPlatform),
    noCache: options.noCache ?? false,
    namedContexts: toMap(options.namedContexts),
    tags: options.tags ?? [],
    outputs: options.outputs ?? [],
    annotations: options.annotations ?? [],
    cacheFrom: options.cacheFrom ?? [],
    cacheTo: options.cacheTo ?? [],
    isVerified: options.verify ?? false,
    pull: options.pull ?? false,
    network: options.network ?? 'default',
    requiresIsolatedNetwork: options.requiresIsolatedNetwork ?? false,
    addHosts: options.addHosts ?? [],
    shmBytes: options.shmBytes ?? DEFAULT_SHM_BYTES,
    jobs: options.jobs,
    isolation: options.isolation ?? 'auto',
    sourceDateEpoch: options.sourceDateEpoch,
    secrets: toMap(options.secrets),
    ssh: toMap(options.ssh),
    entitlements: new Set(options.entitlements ?? []),
    limits: { pids: DEFAULT_PIDS, ...options.limits },
    ulimits: options.ulimits ?? [],
    stepTimeoutMs: options.stepTimeoutMs,
    failure: { opensShell: false, exports: options.exportOnError ?? [] },
  };
}

function toMap<T>(record: Readonly<Record<string, T>> | undefined): ReadonlyMap<string, T> {
  return new Map(Object.entries(record ?? {}));
}

function toPlatform(text: string): BuildRequest['platforms'][number] {
  const platform = parsePlatform(text, hostPlatform(process.arch));
  if (platform !== undefined) return platform;
  throw badOption('platforms', text, 'expected os/architecture, as in "linux/arm64"');
}

function badOption(name: string, value: string, what: string): BuildError {
  return new BuildError({
    code: 'BUILD_OPTION_INVALID',
    class: 'usage',
    message: `Cannot use "${value}" for "${name}": ${what}`,
  });
}

function notRoot(uid: number): BuildError {
  return new BuildError({
    code: 'NOT_ROOT',
    class: 'host',
    message: `Cannot build in this process: it runs as user ${String(uid)}, and not as root of a user namespace`,
    hint: 'Start it with "unshare --user --map-root-user --map-auto", or run the command "stagecraft build"',
  });
}
