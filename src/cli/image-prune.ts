import { lockForPrune, pruneStore } from '../build/prune-store.ts';
import { defineCommand } from './command.ts';
import { listFlag, switchFlag } from './flag-table.ts';
import { commandRoot, openCommandStore, ROOT_FLAG } from './open-command-store.ts';
import { askBeforePrune, renderPruned } from './prune.ts';
import { becomeRoot } from './rootless.ts';
import { parseUsageFilters } from './usage-filters.ts';

/** `stagecraft image prune`: images alone. What their layers occupied stays as build cache until `prune`. */
export const imagePrune = defineCommand({
  usage: '[OPTIONS]',
  summary: 'Remove images without a name',
  flags: {
    all: switchFlag('Also every image that no container was made of', { short: 'a' }),
    filter: listFlag('FILTER', 'until=24h: only what was not used since'),
    force: switchFlag('Do not ask', { short: 'f' }),
    root: ROOT_FLAG,
  },
  words: { min: 0, max: 0, expected: 'no words' },
  async run({ flags }, context) {
    const removesUnusedImages = flags.all ?? false;
    const filter = parseUsageFilters(flags.filter, context.now());
    const which = removesUnusedImages ? 'that no container was made of' : 'without a name';
    await becomeRoot(context, commandRoot(flags.root, context));
    const question = { command: 'stagecraft image prune', what: `all images ${which}` };
    if (!(await askBeforePrune(question, flags.force ?? false, context))) return 0;
    await using store = openCommandStore(flags.root, context);
    const onWait = (): void => {
      context.stderr.write('Waiting for another "stagecraft prune" on the store\n');
    };
    await using _lock = await lockForPrune(store.root, onWait, context.signal);
    const images = removesUnusedImages ? 'unused' : 'unnamed';
    // All that is free stays, so that only images go.
    const options = { images, filter, keepBytes: Infinity } as const;
    const pruned = await pruneStore(store, options, context.signal);
    context.stdout.write(renderPruned(pruned, { isVerbose: false }));
    return 0;
  },
});
