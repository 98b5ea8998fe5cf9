import { storeUsage, type UsageItem, type UsageKind } from '../build/store-usage.ts';
import { useStore } from '../build/store-lock.ts';
import { visibleLine } from '../diagnostics/visible-text.ts';
import { oneOf, defineCommand } from './command.ts';
import { textFlag } from './flag-table.ts';
import { formatAge, formatBytes, renderTable } from './format.ts';
import { commandRoot, openCommandStore, ROOT_FLAG } from './open-command-store.ts';
import { becomeRoot } from './rootless.ts';

const FORMATS = ['table', 'json'] as const;

/** What a kind is called in the list and in JSON. */
const KIND_NAMES: Readonly<Record<UsageKind, string>> = {
  layer: 'image layer',
  step: 'step result',
  base: 'base layer',
  blob: 'blob',
  mount: 'cache mount',
};

/** `stagecraft du`. */
export const du = defineCommand({
  usage: '[OPTIONS]',
  summary: 'Show what takes room in the store',
  flags: { format: textFlag('FORMAT', '"table" or "json"'), root: ROOT_FLAG },
  words: { min: 0, max: 0, expected: 'no words' },
  async run({ flags }, context) {
    const format = oneOf('--format', flags.format ?? 'table', FORMATS);
    // Files of steps may belong to ids that only a user namespace of ours can read.
    await becomeRoot(context, commandRoot(flags.root, context));
    await using store = openCommandStore(flags.root, context);
    await using _use = await useStore(store.root, context.signal);
    const items = await storeUsage(store, context.signal);
    items.sort((a, b) => b.bytes - a.bytes);
    context.stdout.write(format === 'json' ? usageJson(items) : usageTable(items, context.now()));
    return 0;
  },
});

/** The list for people, biggest first, and its sums. */
export function usageTable(items: readonly UsageItem[], now: number): string {
  const rows = items.map(({ kind, id, bytes, imageCount, isNeeded, lastUsed, step }) => [
    KIND_NAMES[kind],
    shortId(id),
    formatBytes(bytes),
    isNeeded ? 'yes' : 'no',
    imageCount > 1 ? 'yes' : 'no',
    formatAge(Math.max(0, now - lastUsed)),
    visibleLine(step ?? ''),
  ]);
  const headings = ['WHAT', 'ID', 'SIZE', 'NEEDED', 'SHARED', 'LAST USED', 'STEP'];
  const { bytes, sharedBytes, reclaimableBytes } = totals(items);
  const sums = [
    ['Shared:', formatBytes(sharedBytes)],
    ['Reclaimable:', formatBytes(reclaimableBytes)],
    ['Total:', formatBytes(bytes)],
  ];
  return `${renderTable([headings, ...rows])}\n${renderTable(sums)}`;
}

function usageJson(items: readonly UsageItem[]): string {
  const list = items.map(({ kind, id, bytes, imageCount, isNeeded, lastUsed, step }) => ({
    kind: KIND_NAMES[kind],
    id,
    bytes,
    images: imageCount,
    isNeeded,
    lastUsed: new Date(lastUsed).toISOString(),
    step: step ?? null,
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
