import { storeUsage, type UsageItem, type UsageKind } from '../build/store-usage.ts';
import { isMeant } from '../build/usage-filter.ts';
import { visibleLine } from '../diagnostics/visible-text.ts';
import { oneOf, defineCommand } from './command.ts';
import { listFlag, switchFlag, textFlag } from './flag-table.ts';
import { formatAge, formatBytes, renderTable } from './format.ts';
import { commandRoot, openCommandStore, ROOT_FLAG } from './open-command-store.ts';
import { becomeRoot } from './rootless.ts';
import { parseUsageFilters } from './usage-filters.ts';

const FORMATS = ['table', 'json'] as const;

/** What a kind is called in the list and in JSON. */
const KIND_NAMES: Readonly<Record<UsageKind, string>> = {
  layer: 'image layer',
  step: 'step result',
  base: 'base layer',
  blob: 'blob',
  mount: 'cache mount',
  source: 'source',
  context: 'context digests',
};

/** `stagecraft du`. */
export const du = defineCommand({
  usage: '[OPTIONS]',
  summary: 'Show what takes room in the store',
  flags: {
    filter: listFlag('FILTER', 'until=24h, type=step|mount|…, id=…, inuse=…, shared=…: only these'),
    format: textFlag('FORMAT', '"table" or "json"'),
    root: ROOT_FLAG,
    verbose: switchFlag('Whole ids, the build that made it and what it is built on', {
      short: 'v',
    }),
  },
  words: { min: 0, max: 0, expected: 'no words' },
  async run({ flags }, context) {
    const filter = parseUsageFilters(flags.filter, context.now());
    const format = oneOf('--format', flags.format ?? 'table', FORMATS);
    // Files of steps may belong to ids that only a user namespace of ours can read.
    await becomeRoot(context, commandRoot(flags.root, context));
    await using store = openCommandStore(flags.root, context);
    const all = await storeUsage(store, context.signal);
    const items = all.filter((item) => isMeant(item, filter));
    items.sort((a, b) => b.bytes - a.bytes);
    context.stdout.write(
      format === 'json'
        ? usageJson(items)
        : usageTable(items, context.now(), { isVerbose: flags.verbose ?? false }),
    );
    return 0;
  },
});

/** The list for people, biggest first, and its sums. */
export function usageTable(
  items: readonly UsageItem[],
  now: number,
  { isVerbose }: { readonly isVerbose: boolean },
): string {
  const rows = items.map(({ kind, id, bytes, imageCount, isNeeded, lastUsed, ...about }) => [
    KIND_NAMES[kind],
    isVerbose ? id : shortId(id),
    formatBytes(bytes),
    isNeeded ? 'yes' : 'no',
    imageCount > 1 ? 'yes' : 'no',
    formatAge(Math.max(0, now - lastUsed)),
    ...(isVerbose ? [about.build ?? '', about.parent ?? ''] : []),
    visibleLine(about.step ?? ''),
  ]);
  const headings = [
    'WHAT',
    'ID',
    'SIZE',
    'NEEDED',
    'SHARED',
    'LAST USED',
    ...(isVerbose ? ['BUILD', 'PARENT'] : []),
    'STEP',
  ];
  const { bytes, sharedBytes, reclaimableBytes } = totals(items);
  const sums = [
    ['Shared:', formatBytes(sharedBytes)],
    ['Reclaimable:', formatBytes(reclaimableBytes)],
    ['Total:', formatBytes(bytes)],
  ];
  return `${renderTable([headings, ...rows])}\n${renderTable(sums)}`;
}

function usageJson(items: readonly UsageItem[]): string {
  const list = items.map(({ kind, id, bytes, imageCount, isNeeded, lastUsed, ...about }) => ({
    kind: KIND_NAMES[kind],
    id,
    bytes,
    images: imageCount,
    isNeeded,
    lastUsed: new Date(lastUsed).toISOString(),
    step: about.step ?? null,
    build: about.build ?? null,
    parent: about.parent ?? null,
  }));
  return `${JSON.stringify({ items: list, totals: totals(items) }, undefined, 2)}\n`;
}

function totals(items: readonly UsageItem[]): {
  bytes: number;
  sharedBytes: number;
  reclaimableBytes: number;
} {
  const sum = (counts: (item: UsageItem) => boolean): number =>
    items.filter(counts).reduce((all, { bytes }) => all + bytes, 0);
  return {
    bytes: sum(() => true),
    sharedBytes: sum(({ imageCount }) => imageCount > 1),
    reclaimableBytes: sum(({ isNeeded }) => !isNeeded),
  };
}

function shortId(id: string): string {
  return id.replace(/^sha256:/, '').slice(0, 12);
}
