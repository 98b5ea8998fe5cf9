import { saveImages } from '../build/save-image.ts';
import { hostPlatform } from '../core/platform.ts';
import { refuseTerminal } from './refuse-terminal.ts';
import { defineCommand, oneOf } from './command.ts';
import { textFlag } from './flag-table.ts';
import { commandRoot, openCommandStore, ROOT_FLAG } from './open-command-store.ts';
import { readPlatform } from './platform-flag.ts';
import { becomeRoot } from './rootless.ts';

/** `stagecraft save`, `stagecraft image save`. */
export const save = defineCommand({
  usage: '[OPTIONS] IMAGE...',
  summary: 'Write images into an archive',
  flags: {
    format: textFlag('FORMAT', 'docker (default) or oci'),
    output: textFlag('FILE', 'Write to a file instead of standard output', { short: 'o' }),
    platform: textFlag('PLATFORM', 'Only the image for this platform'),
    root: ROOT_FLAG,
  },
  words: { min: 1, max: Infinity, expected: 'one image or more' },
  async run({ flags, words }, context) {
    const format = oneOf('--format', flags.format ?? 'docker', ['docker', 'oci'] as const);
    const dest = flags.output ?? '-';
    refuseTerminal('--output', dest, context.stdout);
    const platform =
      flags.platform === undefined ? undefined : readPlatform(flags.platform, context.arch);
    // Files of steps may belong to ids that only a user namespace of ours can read.
    await becomeRoot(context, commandRoot(flags.root, context));
    await using store = openCommandStore(flags.root, context);
    using _use = store.use();
    const { cwd, signal } = context;
    const stdout = context.stdout.stream();
    const host = hostPlatform(context.arch);
    const options = { format, platform, host, dest, cwd, stdout };
    await saveImages(words, store, options, signal);
    return 0;
  },
});
