import { importImage } from '../build/import-image.ts';
import { checkArchiveInput, readArchiveInput } from './archive-input.ts';
import { defineCommand } from './command.ts';
import { badFlagValue } from './errors.ts';
import { listFlag, textFlag } from './flag-table.ts';
import { commandRoot, openCommandStore, ROOT_FLAG } from './open-command-store.ts';
import { readPlatform } from './platform-flag.ts';
import { becomeRoot } from './rootless.ts';

/** `stagecraft import`, `stagecraft image import`. Prints the image id. */
export const importArchive = defineCommand({
  usage: '[OPTIONS] FILE|- [NAME[:TAG]]',
  summary: 'Make an image of the files of an archive',
  flags: {
    change: listFlag('INSTRUCTION', 'Change the config: CMD, ENTRYPOINT, ENV, EXPOSE, USER …', {
      short: 'c',
    }),
    message: textFlag('TEXT', 'Comment in the history', { short: 'm' }),
    platform: textFlag('PLATFORM', 'What the files are for, linux/arm64'),
    root: ROOT_FLAG,
  },
  words: { min: 1, max: 2, expected: 'an archive and at most one name' },
  async run({ flags, words: [file = '-', name] }, context) {
    const input = file === '-' ? undefined : file;
    if (/^https?:\/\//.test(file)) {
      throw badFlagValue(
        'import',
        file,
        'URLs are not fetched; pipe the archive in, and write "-"',
      );
    }
    const platform = readPlatform(flags.platform ?? 'local', context.arch);
    checkArchiveInput('import', input, context);
    await becomeRoot(context, commandRoot(flags.root, context));
    await using store = openCommandStore(flags.root, context);
    using _use = store.use();
    const { change: changes, message } = flags;
    const options = { name, source: file, platform, changes, message, now: context.now() };
    const archive = readArchiveInput(input, context);
    context.stdout.write(`${await importImage(archive, options, store, context.signal)}\n`);
    return 0;
  },
});
