import type { HostOptions } from '../build/open-host.ts';
import type { TidyPolicy } from '../build/tidy-policy.ts';
import type { BuildRequest } from '../build/request.ts';
import type { BuildFlagValues } from './build-flags.ts';
import { readBuildRequest } from './build-request.ts';
import { readCaCerts } from './build-values.ts';
import type { CommandContext } from './command.ts';
import { DEFAULT_GC, readConfigFile } from './config-file.ts';
import { readStdin } from './read-stdin.ts';
import { readMountChoice } from './mount-choice.ts';
import { becomeRoot } from './rootless.ts';
import { storeRoot } from './store-root.ts';

/** What a command line with the flags of a build asks for, and the world to do it in. */
export interface PreparedBuild {
  readonly request: BuildRequest;
  readonly hostOptions: Omit<HostOptions, 'emit'>;
  readonly gc: TidyPolicy;
}

/**
 * Reads flags, configuration and standard input. An ordinary user becomes root of a user namespace.
 * @throws BuildError of flags and configuration
 */
export async function prepareBuild(
  flags: BuildFlagValues,
  contextWord: string,
  context: CommandContext,
): Promise<PreparedBuild> {
  const { env, cwd, arch, uid, homeDir, signal } = context;
  const config = readConfigFile(context);
  const root = storeRoot(flags.root, config, context);
  await becomeRoot(context, root);
  const request = await readBuildRequest(flags, contextWord, config, {
    env,
    cwd,
    arch,
    homeDir,
    readStdin: () => readStdin(context.stdin, signal),
  });
  const hostOptions = {
    root,
    env,
    cwd,
    arch,
    uid,
    homeDir,
    registries: config.registries,
    caCerts: [...config.caCerts, ...readCaCerts(flags['ca-cert'], cwd)],
    cdiDirectories: config.cdiDirectories,
    stdout: () => context.stdout.stream(),
    snapshotter: readMountChoice(flags.snapshotter, config, env),
    now: () => context.now(),
  };
  return { request, hostOptions, gc: config.gc ?? DEFAULT_GC };
}
