import { randomBytes } from 'node:crypto';
import { createContainer, type CreatedContainer } from '../containers/create-container.ts';
import { startDetached } from '../containers/detached.ts';
import { runForeground } from '../containers/run-foreground.ts';
import { openSandbox } from '../sandbox/choose-sandbox.ts';
import { visibleLine } from '../diagnostics/visible-text.ts';
import type { Store } from '../build/open-store.ts';
import { readIsolation } from './build-request.ts';
import { defineCommand, type CommandContext } from './command.ts';
import { readConfigFile } from './config-file.ts';
import { unsupportedFlag } from './errors.ts';
import type { FlagValues } from './flag-table.ts';
import { openCommandStore } from './open-command-store.ts';
import { readPlatform } from './platform-flag.ts';
import { becomeRoot } from './rootless.ts';
import { containerOptions, RUN_FLAGS } from './run-flags.ts';
import { openRunnableImage } from './runnable-image.ts';
import { storeRoot } from './store-root.ts';
import { isRootUser } from './user-identity.ts';

/** `stagecraft run`. The exit status is the container's. */
export const run = defineCommand({
  usage: '[OPTIONS] IMAGE [COMMAND] [ARGUMENT...]',
  summary: 'Run a command in a new container',
  flags: RUN_FLAGS,
  words: { min: 1, max: Infinity, expected: 'an image' },
  allowsFlagsAfterWords: false,
  async run({ flags, words: [name = '', ...command] }, context) {
    const config = readConfigFile(context);
    readIsolation(flags.isolation);
    checkPorts(flags.publish, context);
    await becomeRoot(context, storeRoot(flags.root, config, context));
    await using store = openCommandStore(flags.root, context);
    const use = store.use();
    let container: CreatedContainer;
    try {
      const image = await openRunnableImage(name, flags.platform, store, config, context);
      container = createContainer(containerOptions(flags, image, command), {
        root: store.root,
        env: context.env,
        cwd: context.cwd,
        now: () => new Date(context.now()),
        randomBytes,
      });
    } finally {
      // From here on the container's record keeps what it shows.
      use[Symbol.dispose]();
    }
    return flags.detach === true
      ? await runInBackground(container, flags, store.root, context)
      : await runHere(container, flags, store, context);
  },
});

/**
 * Going into a network namespace and back takes rights over the one outside, which root of a user
 * namespace does not have (setns(2)).
 */
function checkPorts(ports: readonly string[], context: CommandContext): void {
  if (ports.length === 0 || isRootUser(context)) return;
  throw unsupportedFlag(
    '--publish',
    'it needs root; with "--network=host" the ports of the container are those of the host',
  );
}

async function runInBackground(
  container: CreatedContainer,
  flags: FlagValues<typeof RUN_FLAGS>,
  root: string,
  context: CommandContext,
): Promise<number> {
  const isolation = flags.isolation === undefined ? [] : ['--isolation', flags.isolation];
  const platform = ['--platform', container.plan.platform];
  const [program, ...words] = context.program;
  const env = Object.entries(context.env).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, value] as const],
  );
  const { notes } = await startDetached(
    container,
    {
      supervisorArgv: [
        program,
        ...words,
        'internal-supervise',
        '--root',
        root,
        ...platform,
        ...isolation,
      ],
      env: Object.fromEntries(env),
    },
    context.signal,
  );
  for (const note of notes) context.stderr.write(`${visibleLine(note)}\n`);
  context.stdout.write(`${container.record.id}\n`);
  return 0;
}

async function runHere(
  container: CreatedContainer,
  flags: FlagValues<typeof RUN_FLAGS>,
  store: Store,
  context: CommandContext,
): Promise<number> {
  const { env, signal } = context;
  const isolation = readIsolation(flags.isolation);
  const cacheDir = `${store.root}/cache`;
  const platform = readPlatform(container.plan.platform, context.arch);
  const sandbox = await openSandbox({ isolation, platform, env, cacheDir, signal });
  return await runForeground(
    container,
    {
      isStdinOpen: flags.interactive ?? false,
      isTerminal: flags.tty ?? false,
      hasTerminal: context.isStdinTerminal,
      onOutput: (stream, bytes) => {
        context[stream].write(bytes);
      },
    },
    {
      root: store.root,
      snapshotter: store.snapshots,
      sandbox,
      searchPath: env['PATH'] ?? '',
      now: () => new Date(context.now()),
      note: (text) => {
        context.stderr.write(`${visibleLine(text)}\n`);
      },
    },
    signal,
  );
}
