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
import { readStepLimits, readStepTimeout, readUlimits } from './limit-values.ts';
import { addProxyArguments, readDockerProxies } from './proxy-settings.ts';
import { badContextWord, badFlagValue, flagConflict } from './errors.ts';

/** What of the world a request depends on. */
export type RequestEnvironment = Pick<CommandContext, 'env' | 'cwd' | 'arch' | 'homeDir'> & {
  /** Reads standard input to its end. */
  readonly readStdin: () => Promise<string>;
};

const ISOLATIONS = ['auto', 'oci', 'runc', 'crun', 'namespaces'] as const;
const ON_ERROR = ['fail', 'shell'] as const;
const NETWORKS = ['default', 'none', 'host'] as const;

/**
 * The build that a command line asks for.
 * @throws BuildError FLAG_VALUE_INVALID, FLAG_CONFLICT, CONTEXT_UNSUPPORTED
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
    platforms: readPlatforms(flags.platform, arch),
    noCache: readNoCache(flags),
    namedContexts: readPairs('--build-context', flags['build-context'], false),
    tags: flags.tag,
    outputs: flags.push === true ? [...flags.output, 'type=registry'] : flags.output,
    annotations: flags.annotation,
    cacheFrom: flags['cache-from'],
    cacheTo: flags['cache-to'],
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

/** The start of 1980: the earliest time that all archive formats can hold. */
const REPRODUCIBLE_EPOCH = '315532800';

/** Seconds since 1970, from the flag, the build argument, the environment, or what is always the same. */
function readEpoch(
  flags: BuildFlagValues,
  env: RequestEnvironment['env'],
  buildArg: string | undefined,
): string | undefined {
  const given = flags['source-date-epoch'];
  if (given !== undefined && !/^\d{1,11}$/.test(given)) {
    throw badFlagValue('--source-date-epoch', given, 'expected seconds since 1970');
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
  if (contextWord === '-') {
    if (file === '-') {
      throw flagConflict(
        'Cannot read standard input twice: it is the Dockerfile and the build context',
      );
    }
    if (file !== undefined) throw badContextWord('-', 'it cannot be read from standard input');
    return { context: { kind: 'empty' }, dockerfile: await stdinDockerfile(environment) };
  }
  checkContextWord(contextWord);
  const context = { kind: 'directory', path: contextWord } as const;
  if (file === '-') return { context, dockerfile: await stdinDockerfile(environment) };
  if (file !== undefined && /^https?:\/\//i.test(file)) {
    throw badFlagValue('--file', file, 'it cannot be fetched from elsewhere');
  }
  return { context, dockerfile: { kind: 'file', path: file } };
}

async function stdinDockerfile({ readStdin }: RequestEnvironment): Promise<DockerfileRequest> {
  return { kind: 'text', name: '<stdin>', text: await readStdin() };
}

/** Docker's other kinds of contexts (frontend/dockerui/context.go). */
function checkContextWord(word: string): void {
  const isRemote =
    /^(?:https?|git|ssh):\/\//i.test(word) ||
    /^github\.com\//.test(word) ||
    /^git@[^/]+:/.test(word);
  if (isRemote) throw badContextWord(word, 'it cannot be fetched from elsewhere');
}
