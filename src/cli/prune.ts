import { createInterface } from 'node:readline/promises';
import { pruneStore, type PruneResult } from '../build/prune-store.ts';
import { lockStoreAlone } from '../build/store-lock.ts';
import { familiarName } from '../core/image-reference.ts';
import { parseReference } from '../image/reference.ts';
import { defineCommand, type CommandContext } from './command.ts';
import { confirmationNeeded } from './errors.ts';
import { listFlag, switchFlag, textFlag } from './flag-table.ts';
import { formatBytes } from './format.ts';
import { commandRoot, openCommandStore, ROOT_FLAG } from './open-command-store.ts';
import { parseKeepStorage, parseUntil } from './prune-values.ts';
import { becomeRoot } from './rootless.ts';

/** `stagecraft prune`. */
export const prune = defineCommand({
  usage: '[OPTIONS]',
  summary: 'Remove what no image and no container needs',
  flags: {
    all: switchFlag('Also remove every image that no container was made of', { short: 'a' }),
    filter: listFlag('FILTER', 'until=24h: only what was not used since'),
    force: switchFlag('Do not ask', { short: 'f' }),
    'keep-storage': textFlag('SIZE', 'Keep so much of it, what was used last: 10GB'),
    root: ROOT_FLAG,
  },
  words: { min: 0, max: 0, expected: 'no words' },
  async run({ flags }, context) {
    const removesUnusedImages = flags.all ?? false;
    const options = {
      removesUnusedImages,
      usedBefore: parseUntil(flags.filter, context.now()),
      keepBytes: parseKeepStorage(flags['keep-storage']),
    };
    const isForced = flags.force ?? false;
    if (!isForced && !context.isStdinTerminal) throw confirmationNeeded('stagecraft prune');
    // Files of steps may belong to ids that only a user namespace of ours can remove.
    await becomeRoot(context, commandRoot(flags.root, context));
    if (!isForced && !(await confirm(removesUnusedImages, context))) return 0;
    await using store = openCommandStore(flags.root, context);
    const onWait = (): void => {
      context.stderr.write('Waiting for builds that use the store\n');
    };
    await using _lock = await lockStoreAlone(store.root, onWait, context.signal);
    context.stdout.write(renderPruned(await pruneStore(store, options, context.signal)));
    return 0;
  },
});

async function confirm(removesImages: boolean, context: CommandContext): Promise<boolean> {
  const what = removesImages
    ? 'all images that no container was made of, and all build cache that no other image needs'
    : 'all images without a name, and all build cache that no other image needs';
  context.stderr.write(`This will remove ${what}.\nAre you sure you want to continue? [y/N] `);
  const lines = createInterface({ input: context.stdin });
  try {
    // The input may end without an answer.
    const closed = new Promise<string>((resolve) => lines.once('close', () => resolve('')));
    const answer = await Promise.race([lines.question('', { signal: context.signal }), closed]);
    return /^y(?:es)?$/i.test(answer.trim());
  } finally {
    lines.close();
  }
}

/** What went, a line each, and the sum. */
export function renderPruned({ images, items, bytes }: PruneResult): string {
  const lines = [
    ...images.flatMap(({ id, references }) => [
      ...references.map((name) => `Untagged: ${familiarName(parseReference(name))}`),
      `Deleted: ${id}`,
    ]),
    ...items.map(({ kind, id }) => `Deleted ${kind}: ${id}`),
    `Total reclaimed space: ${formatBytes(bytes)}`,
  ];
  return lines.map((line) => `${line}\n`).join('');
}
