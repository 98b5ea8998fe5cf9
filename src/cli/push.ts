import { namesInRepository, pushImage } from '../build/push-image.ts';
import { formatReference } from '../core/image-reference.ts';
import { parseReference } from '../image/reference.ts';
import { defineCommand } from './command.ts';
import { readConfigFile } from './config-file.ts';
import { flagConflict } from './errors.ts';
import { switchFlag, textFlag } from './flag-table.ts';
import { formatBytes } from './format.ts';
import { openCommandStore, ROOT_FLAG } from './open-command-store.ts';
import { readPlatform } from './platform-flag.ts';
import { becomeRoot } from './rootless.ts';
import { storeRoot } from './store-root.ts';

/** `stagecraft push`. Prints the digest that the name now stands for. */
export const push = defineCommand({
  usage: '[OPTIONS] NAME[:TAG]',
  summary: 'Send an image to a registry',
  flags: {
    'all-tags': switchFlag('Send all tags of the repository', { short: 'a' }),
    'disable-content-trust': switchFlag('Skip signatures', { status: 'ignored' }),
    platform: textFlag('PLATFORM', 'Send only the image for this platform'),
    quiet: switchFlag('Print nothing but the full name', { short: 'q' }),
    root: ROOT_FLAG,
  },
  words: { min: 1, max: 1, expected: 'one image name' },
  async run({ flags, words: [name = ''] }, context) {
    const sendsAll = flags['all-tags'] === true;
    if (sendsAll && /[:@]/.test(name.slice(name.lastIndexOf('/') + 1))) {
      throw flagConflict(`Cannot use "--all-tags" with "${name}": it names one tag`);
    }
    const config = readConfigFile(context);
    // Files of steps may belong to ids that only a user namespace of ours can read.
    const platform =
      flags.platform === undefined ? undefined : readPlatform(flags.platform, context.arch);
    await becomeRoot(context, storeRoot(flags.root, config, context));
    await using store = openCommandStore(flags.root, context);
    using _use = store.use();
    const { env, homeDir, signal } = context;
    const access = { registries: config.registries, env, homeDir, caCerts: config.caCerts };
    for (const each of sendsAll ? namesInRepository(name, store) : [name]) {
      const pushed = await pushImage(each, platform, store, access, signal);
      if (flags.quiet === true) {
        context.stdout.write(`${formatReference(parseReference(each))}\n`);
        continue;
      }
      const size = pushed.bytes === undefined ? '' : `, ${formatBytes(pushed.bytes)}`;
      const sent = pushed.sentBytes === undefined ? '' : ` (sent ${formatBytes(pushed.sentBytes)})`;
      context.stderr.write(`Pushed ${each}${size}${sent}\n`);
      context.stdout.write(`${pushed.digest}\n`);
    }
    return 0;
  },
});
