import { findRecord, observeState } from '../containers/container-record.ts';
import { readContainer } from '../containers/create-container.ts';
import { containerRuns } from '../containers/errors.ts';
import { defineCommand } from './command.ts';
import { eachWord } from './each-word.ts';
import { switchFlag, textFlag } from './flag-table.ts';
import { commandRoot, openCommandStore, ROOT_FLAG } from './open-command-store.ts';
import { becomeRoot } from './rootless.ts';
import { runHere, startInBackground } from './start-container.ts';

/** `stagecraft start`: runs containers that were made or have ended, with the files that they left. */
export const start = defineCommand({
  usage: '[OPTIONS] CONTAINER...',
  summary: 'Start containers that do not run',
  flags: {
    attach: switchFlag('Run it here, to its end', { short: 'a' }),
    interactive: switchFlag('Read standard input', { short: 'i' }),
    isolation: textFlag('KIND', 'auto, oci, crun, runc, namespaces'),
    root: ROOT_FLAG,
  },
  words: { min: 1, max: Infinity, expected: 'one container or more' },
  async run({ flags, words }, context) {
    const root = commandRoot(flags.root, context);
    await becomeRoot(context, root);
    await using store = openCommandStore(flags.root, context);
    let status = 0;
    await eachWord(words, context.signal, async (word) => {
      const found = findRecord(root, word);
      const container = readContainer(root, found.id);
      if (container === undefined || observeState(found).kind === 'running') {
        throw containerRuns(found.name);
      }
      if (flags.attach === true || flags.interactive === true) {
        status = await runHere(container, flags, store, context);
        return;
      }
      await startInBackground(container, flags.isolation, root, context);
      context.stdout.write(`${word}\n`);
    });
    return status;
  },
});
