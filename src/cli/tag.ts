import { defineCommand } from './command.ts';
import { openCommandStore, ROOT_FLAG } from './open-command-store.ts';

/** `stagecraft tag`, `stagecraft image tag`. */
export const tag = defineCommand({
  usage: 'IMAGE NAME[:TAG]',
  summary: 'Give an image another name',
  flags: { root: ROOT_FLAG },
  words: { min: 2, max: 2, expected: 'an image and a name' },
  async run({ flags, words: [source = '', name = ''] }, context) {
    await using store = openCommandStore(flags.root, context);
    using _use = store.use();
    await store.images.tag(source, name, context.signal);
    return 0;
  },
});
