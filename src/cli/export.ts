import { exportableImage } from '../build/exportable-layers.ts';
import { exportContainer } from '../build/copy-from-container.ts';
import { findRecord, type ContainerRecord } from '../containers/container-record.ts';
import { BuildError } from '../diagnostics/build-error.ts';
import { exportImage } from '../export/export-image.ts';
import { refuseTerminal } from './refuse-terminal.ts';
import { defineCommand } from './command.ts';
import { textFlag } from './flag-table.ts';
import { commandRoot, openCommandStore, ROOT_FLAG } from './open-command-store.ts';
import { becomeRoot } from './rootless.ts';

/** `stagecraft export`: the files of an image or a container, without layers and config. */
export const exportRoot = defineCommand({
  usage: '[OPTIONS] IMAGE|CONTAINER',
  summary: 'Write the files of an image or a container into an archive',
  flags: {
    output: textFlag('FILE', 'Write to a file instead of standard output', { short: 'o' }),
    root: ROOT_FLAG,
  },
  words: { min: 1, max: 1, expected: 'one image or container' },
  async run({ flags, words: [name = ''] }, context) {
    const dest = flags.output ?? '-';
    refuseTerminal('--output', dest, context.stdout);
    const root = commandRoot(flags.root, context);
    // Files of steps may belong to ids that only a user namespace of ours can read.
    await becomeRoot(context, root);
    await using store = openCommandStore(flags.root, context);
    using _use = store.use();
    const container = store.images.lookup(name) === undefined ? containerOf(root, name) : undefined;
    if (container !== undefined) {
      const { cwd, stdout, signal } = context;
      const deps = { store, cwd, stdout: () => stdout.stream() };
      await exportContainer(container.id, dest, deps, signal);
      return 0;
    }
    const { image, references } = store.images.find(name);
    const exportable = exportableImage(image, name, references, store);
    const { cwd, stdout, signal } = context;
    const deps = { blobs: store.blobs, root: store.root, cwd, stdout: stdout.stream() };
    await exportImage({ type: 'tar', dest, isSplit: false }, [exportable], deps, signal);
    return 0;
  },
});

function containerOf(root: string, name: string): ContainerRecord | undefined {
  try {
    return findRecord(root, name);
  } catch (error) {
    const isNone = error instanceof BuildError && error.code === 'CONTAINER_NOT_FOUND';
    if (isNone) return undefined;
    throw error;
  }
}
