import { parseArgv } from './argv.ts';
import { unsupportedFlag } from './errors.ts';
import { switchFlag, textFlag } from './flag-table.ts';

/**
 * Flags that stand before the command. `--root` is ours, the others are Docker's
 * (docs.docker.com, "docker", options): who replaces the word `docker` in a script keeps them.
 */
const GLOBAL_FLAGS = {
  root: textFlag('PATH', 'Directory of the store'),
  config: textFlag('DIRECTORY', "Directory of Docker's configuration, with credentials"),
  debug: switchFlag('No effect', { short: 'D' }),
  'log-level': textFlag('LEVEL', 'No effect', { short: 'l' }),
  host: textFlag('SOCKET', 'Refused', { short: 'H' }),
  context: textFlag('NAME', 'Refused, unless it is "default"', { short: 'c' }),
  version: switchFlag('Print the version', { short: 'v' }),
} as const;

/** A command line without its global flags. */
export interface GlobalFlags {
  /** The command and what follows it. */
  readonly words: readonly string[];
  /** Flags that go to the command, before its own. */
  readonly commandFlags: readonly string[];
  /** Set in the environment of the command. */
  readonly env: Readonly<Record<string, string>>;
}

/**
 * Takes the flags before the command off a command line.
 * @throws BuildError UNKNOWN_FLAG, FLAG_VALUE_MISSING, FLAG_VALUE_INVALID, FLAG_SYNTAX; FLAG_UNSUPPORTED
 * for those that name a daemon
 */
export function readGlobalFlags(argv: readonly string[]): GlobalFlags {
  const options = { command: 'stagecraft', allowsFlagsAfterWords: false };
  const { flags, positionals, wantsHelp } = parseArgv(GLOBAL_FLAGS, argv, options);
  const noDaemon = 'there is no daemon to choose, builds run in this process';
  if (flags.host !== undefined) throw unsupportedFlag('--host', noDaemon);
  if (flags.context !== undefined && flags.context !== 'default') {
    throw unsupportedFlag(
      '--context',
      `${noDaemon}; the build context is the last word of "build"`,
    );
  }
  return {
    words: wantsHelp ? ['help'] : flags.version === true ? ['version'] : positionals,
    commandFlags: flags.root === undefined ? [] : ['--root', flags.root],
    env: flags.config === undefined ? {} : { DOCKER_CONFIG: flags.config },
  };
}
