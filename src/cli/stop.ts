import { stopContainer } from '../containers/stop-container.ts';
import { defineCommand } from './command.ts';
import { eachWord } from './each-word.ts';
import { badFlagValue } from './errors.ts';
import { textFlag } from './flag-table.ts';
import { commandRoot, ROOT_FLAG } from './open-command-store.ts';

/** As in Docker. */
const DEFAULT_SECONDS = '10';

/** `stagecraft stop`. */
export const stop = defineCommand({
  usage: '[OPTIONS] CONTAINER...',
  summary: 'Stop containers: SIGTERM, and SIGKILL when that does not help',
  flags: {
    root: ROOT_FLAG,
    time: textFlag('SECONDS', 'How long to wait before SIGKILL, 10 by default', { short: 't' }),
    timeout: textFlag('SECONDS', 'The same as --time', { isHidden: true }),
  },
  words: { min: 1, max: Infinity, expected: 'one container or more' },
  async run({ flags, words }, context) {
    const root = commandRoot(flags.root, context);
    const text = flags.time ?? flags.timeout ?? DEFAULT_SECONDS;
    if (!/^\d{1,7}$/.test(text)) throw badFlagValue('--time', text, 'expected whole seconds');
    await eachWord(words, context.signal, async (word) => {
      await stopContainer(root, word, Number(text) * 1000, context.signal);
      context.stdout.write(`${word}\n`);
    });
    return 0;
  },
});
