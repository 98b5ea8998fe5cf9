import { randomBytes } from 'node:crypto';
import { createContainer } from '../containers/create-container.ts';
import { defineCommand } from './command.ts';
import { readConfigFile } from './config-file.ts';
import { openCommandStore } from './open-command-store.ts';
import { becomeRoot } from './rootless.ts';
import { containerOptions, CREATE_FLAGS } from './run-flags.ts';
import { openRunnableImage } from './runnable-image.ts';
import { storeRoot } from './store-root.ts';

/** `stagecraft create`: a container that does not run yet, to copy files from or to start. */
export const create = defineCommand({
  usage: '[OPTIONS] IMAGE [COMMAND] [ARGUMENT...]',
  summary: 'Make a container without running it',
  flags: CREATE_FLAGS,
  words: { min: 1, max: Infinity, expected: 'an image' },
  allowsFlagsAfterWords: false,
  async run({ flags, words: [name = '', ...command] }, context) {
    const config = readConfigFile(context);
    await becomeRoot(context, storeRoot(flags.root, config, context));
    await using store = openCommandStore(flags.root, context);
    using _use = store.use();
    const image = await openRunnableImage(name, flags.platform, store, config, context);
    // Docker takes -i and -t here, for a later "start -ai".
    const options = containerOptions({ ...flags, detach: undefined }, image, command);
    const { record } = createContainer(options, {
      root: store.root,
      env: context.env,
      cwd: context.cwd,
      now: () => new Date(context.now()),
      randomBytes,
    });
    context.stdout.write(`${record.id}\n`);
    return 0;
  },
});
