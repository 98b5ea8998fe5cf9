import { removeContainer } from '../containers/stop-container.ts';
import { defineCommand } from './command.ts';
import { eachWord } from './each-word.ts';
import { switchFlag } from './flag-table.ts';
import { commandRoot, ROOT_FLAG } from './open-command-store.ts';

/** `stagecraft rm`, `stagecraft container rm`. */
export const rm = defineCommand({
  usage: '[OPTIONS] CONTAINER...',
  summary: 'Remove containers and their logs',
  flags: {
    force: switchFlag('Stop containers that run', { short: 'f' }),
    root: ROOT_FLAG,
    // Containers have no volumes without a name, which is what Docker removes.
    volumes: switchFlag('Remove unnamed volumes', { short: 'v', status: 'ignored' }),
  },
  words: { min: 1, max: Infinity, expected: 'one container or more' },
  async run({ flags, words }, context) {
    const root = commandRoot(flags.root, context);
    await eachWord(words, context.signal, async (word) => {
      await removeContainer(root, word, flags.force ?? false, context.signal);
      context.stdout.write(`${word}\n`);
    });
    return 0;
  },
});
