import { readRecord, recordIds, type BuildRecord } from '../build/build-log.ts';
import { visibleLine } from '../diagnostics/visible-text.ts';
import { defineCommand, oneOf } from './command.ts';
import { textFlag } from './flag-table.ts';
import { formatAge, formatSeconds, renderTable } from './format.ts';
import { commandRoot, ROOT_FLAG } from './open-command-store.ts';
import { becomeRoot } from './rootless.ts';

const FORMATS = ['table', 'json'] as const;

/** `stagecraft builds`. */
export const builds = defineCommand({
  usage: '[OPTIONS]',
  summary: 'List the last builds',
  flags: { format: textFlag('FORMAT', '"table" or "json"'), root: ROOT_FLAG },
  words: { min: 0, max: 0, expected: 'no words' },
  async run({ flags }, context) {
    const format = oneOf('--format', flags.format ?? 'table', FORMATS);
    const root = commandRoot(flags.root, context);
    await becomeRoot(context, root);
    const records = recordIds(root).flatMap((id) => readRecord(root, id) ?? []);
    context.stdout.write(
      format === 'json'
        ? `${JSON.stringify(records.map(summaryOf), undefined, 2)}\n`
        : renderBuilds(records, context.now()),
    );
    return 0;
  },
});

function summaryOf({ steps, ...rest }: BuildRecord): object {
  const count = (state: string): number => steps.filter((step) => step.state === state).length;
  return { ...rest, ran: count('ran'), cached: count('cached') };
}

/** Latest first, as they come. */
export function renderBuilds(records: readonly BuildRecord[], now: number): string {
  const rows = records.map(({ id, startedAt, durationMs, status, steps, dockerfile, target }) => [
    id,
    formatAge(Math.max(0, now - Date.parse(startedAt))),
    formatSeconds(durationMs),
    status,
    String(steps.filter(({ state }) => state === 'ran').length),
    String(steps.filter(({ state }) => state === 'cached').length),
    visibleLine(dockerfile) + (target === undefined ? '' : ` (${visibleLine(target)})`),
  ]);
  return renderTable([
    ['BUILD', 'STARTED', 'TOOK', 'STATUS', 'RAN', 'CACHED', 'DOCKERFILE'],
    ...rows,
  ]);
}
