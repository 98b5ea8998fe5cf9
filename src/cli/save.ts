import { saveImages } from '../build/save-image.ts';
import { useStore } from '../build/store-lock.ts';
import { defineCommand, oneOf } from './command.ts';
import { badFlagValue } from './errors.ts';
import { textFlag } from './flag-table.ts';
import { commandRoot, openCommandStore, ROOT_FLAG } from './open-command-store.ts';
import { becomeRoot } from './rootless.ts';

/** `stagecraft save`, `stagecraft image save`. */
export const save = defineCommand({
  usage: '[OPTIONS] IMAGE...',
  summary: 'Write images into an archive',
  flags: {
    format: textFlag('FORMAT', 'docker (default) or oci'),
    output: textFlag('FILE', 'Write to a file instead of standard output', { short: 'o' }),
    root: ROOT_FLAG,
  },
  words: { min: 1, max: Infinity, expected: 'one image or more' },
  async run({ flags, words }, context) {
    const format = oneOf('--format', flags.format ?? 'docker', ['docker', 'oci'] as const);
    const dest = flags.output ?? '-';
    if (dest === '-' && context.stdout.isTerminal) {
      const found = 'standard output is a terminal, and archives are not for reading';
      throw badFlagValue('--output', dest, found);
    }
    // Files of steps may belong to ids that only a user namespace of ours can read.
    await becomeRoot(context, commandRoot(flags.root, context));
    await using store = openCommandStore(flags.root, context);
    await using _use = await useStore(store.root, context.signal);
    const { cwd, signal } = context;
    const options = { format, dest, cwd, stdout: context.stdout.stream() };
    await saveImages(words, store, options, signal);
    return 0;
  },
});
