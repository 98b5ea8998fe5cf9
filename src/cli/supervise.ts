import { superviseContainer } from '../containers/detached.ts';
import { openSandbox } from '../sandbox/choose-sandbox.ts';
import { readIsolation } from './build-request.ts';
import { defineCommand } from './command.ts';
import { textFlag } from './flag-table.ts';
import { openCommandStore, ROOT_FLAG } from './open-command-store.ts';
import { readPlatform } from './platform-flag.ts';

/** The process behind a container of `run --detach`; it lives as long as the container. */
export const supervise = defineCommand({
  usage: 'ID',
  summary: 'Look after a container. Started by "stagecraft run --detach"',
  flags: {
    root: ROOT_FLAG,
    isolation: textFlag('KIND', 'As for run'),
    platform: textFlag('PLATFORM', 'Of the image'),
  },
  words: { min: 1, max: 1, expected: 'the id of a container' },
  async run({ flags, words: [id = ''] }, context) {
    const { env, signal } = context;
    await using store = openCommandStore(flags.root, context);
    const isolation = readIsolation(flags.isolation);
    const platform = readPlatform(flags.platform ?? 'local', context.arch);
    const cacheDir = `${store.root}/cache`;
    const sandbox = await openSandbox({ isolation, platform, env, cacheDir, signal });
    await superviseContainer(
      id,
      {
        root: store.root,
        snapshotter: store.snapshots,
        sandbox,
        searchPath: env['PATH'] ?? '',
        now: () => new Date(context.now()),
        output: context.stdout.stream(),
      },
      signal,
    );
    return 0;
  },
});
