import { pullImages } from '../build/pull-image.ts';
import { formatReference } from '../core/image-reference.ts';
import { hostPlatform } from '../core/platform.ts';
import { parseReference } from '../image/reference.ts';
import { defineCommand } from './command.ts';
import { readConfigFile } from './config-file.ts';
import { readPlatforms } from './build-values.ts';
import { listFlag, switchFlag } from './flag-table.ts';
import { formatBytes } from './format.ts';
import { openCommandStore, ROOT_FLAG } from './open-command-store.ts';
import { becomeRoot } from './rootless.ts';
import { storeRoot } from './store-root.ts';

/** `stagecraft pull`. Prints the digest of each manifest that was chosen. */
export const pull = defineCommand({
  usage: '[OPTIONS] NAME[:TAG|@DIGEST]',
  summary: 'Fetch an image from a registry',
  flags: {
    'all-tags': switchFlag('Fetch all tags', {
      short: 'a',
      status: 'unsupported',
      note: 'name the tags one by one; "list-tags" has them',
    }),
    'disable-content-trust': switchFlag('Skip signatures', { status: 'ignored' }),
    platform: listFlag('PLATFORM', 'Platform to fetch; several, between commas, give an index'),
    quiet: switchFlag('Print nothing but the full name', { short: 'q' }),
    root: ROOT_FLAG,
  },
  words: { min: 1, max: 1, expected: 'one image name' },
  async run({ flags, words: [name = ''] }, context) {
    const config = readConfigFile(context);
    const wanted = readPlatforms(flags.platform, context.arch);
    const platforms = wanted.length === 0 ? [hostPlatform(context.arch)] : wanted;
    await becomeRoot(context, storeRoot(flags.root, config, context));
    await using store = openCommandStore(flags.root, context);
    using _use = store.use();
    const { env, homeDir, signal } = context;
    let fetchedBytes = 0;
    const pulled = await pullImages(
      name,
      platforms,
      store,
      { registries: config.registries, env, homeDir, caCerts: config.caCerts },
      {
        now: () => context.now(),
        onProgress: (fetched) => {
          fetchedBytes = fetched;
        },
      },
      signal,
    );
    if (flags.quiet === true) {
      context.stdout.write(`${formatReference(parseReference(name))}\n`);
      return 0;
    }
    context.stderr.write(`Pulled ${name}, fetched ${formatBytes(fetchedBytes)}\n`);
    for (const { manifestDigest } of pulled) context.stdout.write(`${manifestDigest}\n`);
    return 0;
  },
});
