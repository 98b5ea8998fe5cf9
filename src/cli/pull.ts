import { hostPlatform, parsePlatform } from '../core/platform.ts';
import { pullImage } from '../build/pull-image.ts';
import { useStore } from '../build/store-lock.ts';
import { defineCommand } from './command.ts';
import { readConfigFile } from './config-file.ts';
import { badFlagValue } from './errors.ts';
import { textFlag } from './flag-table.ts';
import { formatBytes } from './format.ts';
import { openCommandStore, ROOT_FLAG } from './open-command-store.ts';
import { becomeRoot } from './rootless.ts';
import { storeRoot } from './store-root.ts';

/** `stagecraft pull`. Prints the digest of the manifest that was chosen. */
export const pull = defineCommand({
  usage: '[OPTIONS] NAME[:TAG|@DIGEST]',
  summary: 'Fetch an image from a registry',
  flags: {
    platform: textFlag('PLATFORM', 'Platform to fetch, linux/arm64'),
    root: ROOT_FLAG,
  },
  words: { min: 1, max: 1, expected: 'one image name' },
  async run({ flags, words: [name = ''] }, context) {
    const config = readConfigFile(context);
    await becomeRoot(context, storeRoot(flags.root, config, context));
    const host = hostPlatform(context.arch);
    const platform = flags.platform === undefined ? host : parsePlatform(flags.platform, host);
    if (platform === undefined) {
      throw badFlagValue(
        '--platform',
        flags.platform ?? '',
        'expected a platform such as "linux/arm64"',
      );
    }
    await using store = openCommandStore(flags.root, context);
    await using _use = await useStore(store.root, context.signal);
    const { env, homeDir, signal } = context;
    let fetchedBytes = 0;
    const pulled = await pullImage(
      name,
      platform,
      store,
      { registries: config.registries, env, homeDir },
      {
        now: () => context.now(),
        onProgress: (fetched) => {
          fetchedBytes = fetched;
        },
      },
      signal,
    );
    context.stderr.write(`Pulled ${pulled.name}, fetched ${formatBytes(fetchedBytes)}\n`);
    context.stdout.write(`${pulled.manifestDigest}\n`);
    return 0;
  },
});
