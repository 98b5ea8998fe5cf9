import { createInterface } from 'node:readline/promises';
import {
  lockForPrune,
  pruneStore,
  type PruneOptions,
  type PruneResult,
} from '../build/prune-store.ts';
import type { UsageItem } from '../build/store-usage.ts';
import type { UsageFilter } from '../build/usage-filter.ts';
import { familiarName } from '../core/image-reference.ts';
import { visibleLine } from '../diagnostics/visible-text.ts';
import { parseReference } from '../image/reference.ts';
import { defineCommand, type CommandContext } from './command.ts';
import { confirmationNeeded } from './errors.ts';
import { listFlag, switchFlag, textFlag } from './flag-table.ts';
import { formatBytes } from './format.ts';
import { commandRoot, openCommandStore, ROOT_FLAG } from './open-command-store.ts';
import { parseKeepStorage } from './prune-values.ts';
import { becomeRoot } from './rootless.ts';
import { parseUsageFilters } from './usage-filters.ts';

/** `stagecraft prune`. */
export const prune = defineCommand({
  usage: '[OPTIONS]',
  summary: 'Remove what no image and no container needs',
  flags: {
    all: switchFlag('Also remove every image that no container was made of', { short: 'a' }),
    filter: listFlag('FILTER', 'until=24h, type=step|mount|…, id=…, inuse=…, shared=…: only these'),
    force: switchFlag('Do not ask', { short: 'f' }),
    'keep-storage': textFlag('SIZE', 'Keep so much of it, what was used last: 10GB'),
    root: ROOT_FLAG,
    verbose: switchFlag('Also tell what each thing was', { short: 'v' }),
  },
  words: { min: 0, max: 0, expected: 'no words' },
  async run({ flags }, context) {
    const removesUnusedImages = flags.all ?? false;
    const filter = parseUsageFilters(flags.filter, context.now());
    const options = {
      images: imagesToPrune(filter, removesUnusedImages),
      filter,
      keepBytes: parseKeepStorage(flags['keep-storage']),
    };
    // Files of steps may belong to ids that only a user namespace of ours can remove.
    await becomeRoot(context, commandRoot(flags.root, context));
    const images = removesUnusedImages
      ? 'all images that no container was made of'
      : 'all images without a name';
    const what = `${images}, and all build cache that no other image needs`;
    const question = { command: 'stagecraft prune', what };
    if (!(await askBeforePrune(question, flags.force ?? false, context))) return 0;
    await using store = openCommandStore(flags.root, context);
    const onWait = (): void => {
      context.stderr.write('Waiting for another "stagecraft prune" on the store\n');
    };
    await using _lock = await lockForPrune(store.root, onWait, context.signal);
    const pruned = await pruneStore(store, options, context.signal);
    context.stdout.write(renderPruned(pruned, { isVerbose: flags.verbose ?? false }));
    return 0;
  },
});

/** A filter that is about parts of the cache says nothing of images. */
function imagesToPrune(
  { kinds, ids, isNeeded, isShared }: UsageFilter,
  removesUnused: boolean,
): PruneOptions['images'] {
  if ((kinds ?? ids ?? isNeeded ?? isShared) !== undefined) return 'none';
  return removesUnused ? 'unused' : 'unnamed';
}

/** True when the user says yes, or has said `--force`. @throws BuildError CONFIRMATION_NEEDED */
export async function askBeforePrune(
  { command, what }: { readonly command: string; readonly what: string },
  isForced: boolean,
  context: CommandContext,
): Promise<boolean> {
  if (isForced) return true;
  if (!context.isStdinTerminal) throw confirmationNeeded(command);
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
export function renderPruned(
  { images, items, bytes }: PruneResult,
  { isVerbose }: { readonly isVerbose: boolean },
): string {
  const details = ({ bytes, step }: UsageItem): string =>
    isVerbose ? ` ${formatBytes(bytes)} ${visibleLine(step ?? '')}`.trimEnd() : '';
  const lines = [
    ...images.flatMap(({ id, references }) => [
      ...references.map((name) => `Untagged: ${familiarName(parseReference(name))}`),
      `Deleted: ${id}`,
    ]),
    ...items.map((item) => `Deleted ${item.kind}: ${item.id}${details(item)}`),
    `Total reclaimed space: ${formatBytes(bytes)}`,
  ];
  return lines.map((line) => `${line}\n`).join('');
}
