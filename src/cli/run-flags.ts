import type { ContainerOptions, RunnableImage } from '../containers/container-options.ts';
import { oneOf } from './command.ts';
import { listFlag, switchFlag, textFlag, type FlagTable, type FlagValues } from './flag-table.ts';
import { ROOT_FLAG } from './open-command-store.ts';

const NO_LIMITS = 'containers have no resource limits of their own';

/** The flags of `stagecraft run`. */
export const RUN_FLAGS = {
  detach: switchFlag('Run in the background and print the id', { short: 'd' }),
  entrypoint: textFlag('PROGRAM', 'Replace the ENTRYPOINT of the image'),
  env: listFlag('NAME[=VALUE]', 'Set a variable; without a value, from the environment', {
    short: 'e',
  }),
  hostname: textFlag('NAME', 'Host name of the container', { short: 'h' }),
  init: switchFlag('Run an init', { status: 'unsupported', note: 'there is no init program' }),
  interactive: switchFlag('Read standard input', { short: 'i' }),
  isolation: textFlag('KIND', 'auto, oci, crun, runc, namespaces'),
  memory: textFlag('BYTES', 'Limit memory', { short: 'm', status: 'unsupported', note: NO_LIMITS }),
  cpus: textFlag('N', 'Limit CPU', { status: 'unsupported', note: NO_LIMITS }),
  mount: listFlag('TEXT', 'Mount', { status: 'unsupported', note: 'use --volume' }),
  name: textFlag('NAME', 'Name of the container'),
  network: textFlag('MODE', 'default, host, none'),
  platform: textFlag('PLATFORM', 'Platform of the image, the one of this host by default'),
  privileged: switchFlag('All rights', {
    status: 'unsupported',
    note: 'containers always run with the default profile',
  }),
  publish: listFlag('[[ADDRESS:]HOST:]PORT', 'Make a port of the container one of the host', {
    short: 'p',
  }),
  'publish-all': switchFlag('Publish every exposed port', {
    short: 'P',
    status: 'unsupported',
    note: 'name the ports with --publish',
  }),
  restart: textFlag('POLICY', 'Restart', {
    status: 'unsupported',
    note: 'nothing runs that could restart containers',
  }),
  rm: switchFlag('Remove the container when it ends'),
  root: ROOT_FLAG,
  tty: switchFlag('Give the container a terminal', { short: 't' }),
  user: textFlag('USER[:GROUP]', 'User in the container', { short: 'u' }),
  volume: listFlag('SOURCE:TARGET[:ro]', 'Mount a directory, a file or a named volume', {
    short: 'v',
  }),
  workdir: textFlag('PATH', 'Working directory in the container', { short: 'w' }),
} as const satisfies FlagTable;

const { detach: _detach, ...others } = RUN_FLAGS;

/** The flags of `stagecraft create`. */
export const CREATE_FLAGS = others;

/** What the flags and words of `run` ask for. @throws BuildError FLAG_VALUE_INVALID */
export function containerOptions(
  flags: FlagValues<typeof RUN_FLAGS>,
  image: RunnableImage,
  command: readonly string[],
): ContainerOptions {
  // `bridge` is Docker's word for its default.
  const network = flags.network === 'bridge' ? 'default' : (flags.network ?? 'default');
  return {
    image,
    command,
    entrypoint: flags.entrypoint,
    name: flags.name,
    env: flags.env,
    volumes: flags.volume,
    ports: flags.publish,
    workdir: flags.workdir,
    user: flags.user,
    hostname: flags.hostname,
    network: oneOf('--network', network, ['default', 'host', 'none']),
    isRemovedAtEnd: flags.rm ?? false,
    isStdinOpen: flags.interactive ?? false,
    isTerminal: flags.tty ?? false,
    isDetached: flags.detach ?? false,
  };
}
