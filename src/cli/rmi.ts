import { removeImage } from '../build/remove-image.ts';
import { BuildError } from '../diagnostics/build-error.ts';
import { familiarName } from '../core/image-reference.ts';
import { parseReference } from '../image/reference.ts';
import { defineCommand } from './command.ts';
import { eachWord } from './each-word.ts';
import { switchFlag } from './flag-table.ts';
import { openCommandStore, ROOT_FLAG } from './open-command-store.ts';

/** `stagecraft rmi`, `stagecraft image rm`. */
export const rmi = defineCommand({
  usage: '[OPTIONS] IMAGE...',
  summary: 'Remove images',
  flags: {
    force: switchFlag('Also an image with several names or a container; no error for none', {
      short: 'f',
    }),
    'no-prune': switchFlag('Keep untagged parents', { status: 'ignored' }),
    root: ROOT_FLAG,
  },
  words: { min: 1, max: Infinity, expected: 'one image or more' },
  async run({ flags, words }, context) {
    const force = flags.force ?? false;
    await using store = openCommandStore(flags.root, context);
    await eachWord(words, context.signal, async (word) => {
      try {
        const result = await removeImage(word, { force }, store, context.signal);
        for (const name of result.untagged) {
          context.stdout.write(`Untagged: ${familiarName(parseReference(name))}\n`);
        }
        if (result.removed !== undefined) context.stdout.write(`Deleted: ${result.removed}\n`);
      } catch (error) {
        const isMissing = error instanceof BuildError && error.code === 'IMAGE_NOT_FOUND';
        if (!isMissing || !force) throw error;
      }
    });
    return 0;
  },
});
