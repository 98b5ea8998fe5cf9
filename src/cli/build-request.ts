import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { readContextWord } from '../build/context-word.ts';
import type { BuildRequest, ContextRequest, DockerfileRequest } from '../build/request.ts';
import type { BuildFlagValues } from './build-flags.ts';
import {
  readBuildArgs,
  readEntitlements,
  readExtraHosts,
  readFailureExport,
  readJobs,
  readPairs,
  readPlatforms,
  readSecrets,
  readShmSize,
  readSshSources,
  splitLists,
} from './build-values.ts';
import { oneOf, type CommandContext } from './command.ts';
import type { ConfigFile } from './config-file.ts';
import { badFlagValue, badStdin, flagConflict } from './errors.ts';
import { readStepLimits, readStepTimeout, readUlimits } from './limit-values.ts';
import { addProxyArguments, readDockerProxies } from './proxy-settings.ts';
import type { StdinContent } from './read-stdin.ts';

/** What of the world a request depends on. */
export type RequestEnvironment = Pick<CommandContext, 'env' | 'cwd' | 'arch' | 'homeDir'> & {
  readonly readStdin: () => Promise<StdinContent>;
};

const ISOLATIONS = ['auto', 'oci', 'runc', 'crun', 'namespaces'] as const;
const ON_ERROR = ['fail', 'shell'] as const;
const NETWORKS = ['default', 'none', 'host'] as const;

/**
 * The build that a command line asks for.
 * @throws BuildError FLAG_VALUE_INVALID, FLAG_CONFLICT, STDIN_UNUSABLE
 */
export async function readBuildRequest(
  flags: BuildFlagValues,
  contextWord: string,
  config: ConfigFile,
  environment: RequestEnvironment,
): Promise<BuildRequest> {
  const { env, cwd, arch } = environment;
  const buildArgs = readBuildArgs(flags['build-arg'], env);
  addProxyArguments(buildArgs, config.proxies ?? readDockerProxies(environment));
  // As buildx does, so that a Dockerfile can use it too; the plan checks the number.
  const epoch = readEpoch(flags, env, buildArgs.get('SOURCE_DATE_EPOCH'));
  if (epoch !== undefined) buildArgs.set('SOURCE_DATE_EPOCH', epoch);
  const request = {
    target: flags.target === '' ? undefined : flags.target,
    buildArgs,
    labels: readPairs('--label', flags.label, true),
    platforms: readPlatforms(namedPlatforms(flags.platform, env), arch),
    noCache: readNoCache(flags),
    namedContexts: readPairs('--build-context', flags['build-context'], false),
    tags: flags.tag,
    outputs: flags.push === true ? [...flags.output, 'type=registry'] : flags.output,
    annotations: flags.annotation,
    // Empty ones come of scripts that have no cache to name.
    cacheFrom: flags['cache-from'].filter((cache) => cache !== ''),
    cacheTo: flags['cache-to'].filter((cache) => cache !== ''),
    isVerified: flags.verify ?? false,
    pull: flags.pull ?? false,
    network: oneOf('--network', flags.network ?? 'default', NETWORKS),
    requiresIsolatedNetwork: flags.hardened === true || config.requiresIsolatedNetwork,
    addHosts: readExtraHosts(flags['add-host']),
    shmBytes: readShmSize(flags['shm-size']),
    jobs: readJobs(flags.jobs) ?? config.jobs,
    isolation: readIsolation(flags.isolation),
    sourceDateEpoch: undefined,
    secrets: readSecrets(flags.secret, env, cwd),
    ssh: readSshSources(flags.ssh, env, cwd),
    entitlements: readEntitlements(flags.allow),
    limits: readStepLimits(flags),
    ulimits: readUlimits(flags.ulimit),
    stepTimeoutMs: readStepTimeout(flags['step-timeout']),
    failure: {
      opensShell: oneOf('--on-error', flags['on-error'] ?? 'fail', ON_ERROR) === 'shell',
      exports: flags['export-on-error'].map(readFailureExport),
    },
  };
  // Last: standard input is not read for a command line that is wrong.
  return { ...request, ...(await readInputs(flags.file, contextWord, environment)) };
}

/** `--platform`, else what Docker's own variable says. */
function namedPlatforms(
  given: readonly string[],
  env: RequestEnvironment['env'],
): readonly string[] {
  const byDefault = env['DOCKER_DEFAULT_PLATFORM'] ?? '';
  return given.length > 0 || byDefault === '' ? given : [byDefault];
}

/** The start of 1980: the earliest time that all archive formats can hold. */
const REPRODUCIBLE_EPOCH = '315532800';

/** Seconds since 1970 or a name, from the flag, the build argument, the environment, or what is always the same. */
function readEpoch(
  flags: BuildFlagValues,
  env: RequestEnvironment['env'],
  buildArg: string | undefined,
): string | undefined {
  const given = flags['source-date-epoch'];
  // Names are left to the plan, which knows contexts and stages.
  if (given !== undefined && !/^(?:\d{1,11}|[a-z].*)$/i.test(given)) {
    throw badFlagValue('--source-date-epoch', given, 'expected seconds since 1970, or "context"');
  }
  const named = given ?? buildArg ?? env['SOURCE_DATE_EPOCH'] ?? '';
  if (named !== '') return named;
  return flags.reproducible === true ? REPRODUCIBLE_EPOCH : undefined;
}

function readNoCache(flags: BuildFlagValues): BuildRequest['noCache'] {
  if (flags['no-cache'] === true) return true;
  const stages = splitLists('--no-cache-filter', flags['no-cache-filter']);
  return stages.length === 0 ? false : stages;
}

/** `--isolation`. @throws BuildError FLAG_VALUE_INVALID */
export function readIsolation(text: string | undefined): BuildRequest['isolation'] {
  // Docker's word for what the daemon does by itself.
  if (text === undefined || text === 'default') return 'auto';
  return oneOf('--isolation', text, ISOLATIONS);
}

async function readInputs(
  file: string | undefined,
  contextWord: string,
  environment: RequestEnvironment,
): Promise<{ context: ContextRequest; dockerfile: DockerfileRequest }> {
  if (contextWord === '-') return readStdinInputs(file, environment);
  const context = isDirectory(resolve(environment.cwd, contextWord))
    ? ({ kind: 'directory', path: contextWord } as const)
    : readContextWord(contextWord);
  if (file !== '-') return { context, dockerfile: dockerfileOf(file) };
  const content = await environment.readStdin();
  if (content.kind === 'archive') {
    throw badStdin('it is an archive', 'Name "-" as the build context, without -f -');
  }
  return { context, dockerfile: { kind: 'text', name: '<stdin>', text: content.text } };
}

/** A tar archive is the context, with the Dockerfile in it; text is the Dockerfile of a build without files. */
async function readStdinInputs(
  file: string | undefined,
  environment: RequestEnvironment,
): Promise<{ context: ContextRequest; dockerfile: DockerfileRequest }> {
  if (file === '-') {
    throw flagConflict(
      'Cannot read standard input twice: it is the Dockerfile and the build context',
    );
  }
  const content = await environment.readStdin();
  if (content.kind === 'archive') {
    const context = { kind: 'archive', name: 'standard input', bytes: content.bytes } as const;
    return { context, dockerfile: dockerfileOf(file) };
  }
  if (file !== undefined) {
    throw flagConflict(
      `Cannot read the Dockerfile twice: it is "${file}", and standard input holds no archive`,
    );
  }
  const dockerfile = { kind: 'text', name: '<stdin>', text: content.text } as const;
  return { context: { kind: 'empty' }, dockerfile };
}

function dockerfileOf(file: string | undefined): DockerfileRequest {
  const isUrl = file !== undefined && /^https?:\/\//i.test(file);
  return isUrl ? { kind: 'url', url: file } : { kind: 'file', path: file };
}

/** A directory of this host goes before what its name could also mean, as with Docker. */
function isDirectory(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
