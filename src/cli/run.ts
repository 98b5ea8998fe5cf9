import { randomBytes } from 'node:crypto';
import { createContainer, type CreatedContainer } from '../containers/create-container.ts';
import { readIsolation } from './build-request.ts';
import { defineCommand } from './command.ts';
import { readConfigFile } from './config-file.ts';
import { openCommandStore } from './open-command-store.ts';
import { becomeRoot } from './rootless.ts';
import { containerOptions, RUN_FLAGS } from './run-flags.ts';
import { openRunnableImage } from './runnable-image.ts';
import { runHere, startInBackground } from './start-container.ts';
import { storeRoot } from './store-root.ts';

/** `stagecraft run`. The exit status is the container's. */
export const run = defineCommand({
  usage: '[OPTIONS] IMAGE [COMMAND] [ARGUMENT...]',
  summary: 'Run a command in a new container',
  flags: RUN_FLAGS,
  words: { min: 1, max: Infinity, expected: 'an image' },
  allowsFlagsAfterWords: false,
  async run({ flags, words: [name = '', ...command] }, context) {
    const config = readConfigFile(context);
    readIsolation(flags.isolation);
    await becomeRoot(context, storeRoot(flags.root, config, context));
    await using store = openCommandStore(flags.root, context);
    const use = store.use();
    let container: CreatedContainer;
    try {
      const image = await openRunnableImage(name, flags.platform, store, config, context);
      container = createContainer(containerOptions(flags, image, command), {
        root: store.root,
        env: context.env,
        cwd: context.cwd,
        now: () => new Date(context.now()),
        randomBytes,
      });
    } finally {
      // From here on the container's record keeps what it shows.
      use[Symbol.dispose]();
    }
    if (flags.detach !== true) return await runHere(container, flags, store, context);
    await startInBackground(container, flags.isolation, store.root, context);
    context.stdout.write(`${container.record.id}\n`);
    return 0;
  },
});
