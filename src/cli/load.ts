import { loadImages } from '../build/load-image.ts';
import { hostPlatform } from '../core/platform.ts';
import { familiarName } from '../core/image-reference.ts';
import { parseReference } from '../image/reference.ts';
import { checkArchiveInput, readArchiveInput } from './archive-input.ts';
import { defineCommand } from './command.ts';
import { switchFlag, textFlag } from './flag-table.ts';
import { commandRoot, openCommandStore, ROOT_FLAG } from './open-command-store.ts';
import { readPlatform } from './platform-flag.ts';
import { becomeRoot } from './rootless.ts';

/** `stagecraft load`, `stagecraft image load`. */
export const load = defineCommand({
  usage: '[OPTIONS]',
  summary: 'Read images from an archive',
  flags: {
    input: textFlag('FILE', 'Read a file instead of standard input', { short: 'i' }),
    platform: textFlag('PLATFORM', 'Take only the image for this platform'),
    quiet: switchFlag('No progress', { short: 'q', status: 'ignored' }),
    root: ROOT_FLAG,
  },
  words: { min: 0, max: 0, expected: 'no words' },
  async run({ flags }, context) {
    const platform =
      flags.platform === undefined ? undefined : readPlatform(flags.platform, context.arch);
    checkArchiveInput('--input', flags.input, context);
    await becomeRoot(context, commandRoot(flags.root, context));
    await using store = openCommandStore(flags.root, context);
    using _use = store.use();
    const { signal } = context;
    const what = flags.input === undefined ? 'standard input' : `the archive "${flags.input}"`;
    const host = hostPlatform(context.arch);
    const options = { what, host, platform, now: () => context.now() };
    const images = await loadImages(readArchiveInput(flags.input, context), store, options, signal);
    for (const { id, references } of images) {
      if (references.length === 0) context.stdout.write(`Loaded image ID: ${id}\n`);
      for (const name of references) {
        context.stdout.write(`Loaded image: ${familiarName(parseReference(name))}\n`);
      }
    }
    return 0;
  },
});
