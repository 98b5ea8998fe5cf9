import { imageHistory, readImageConfig, type HistoryRow } from '../build/describe-image.ts';
import { layerBytesIn } from '../build/layer-bytes.ts';
import { visibleLine } from '../diagnostics/visible-text.ts';
import { defineCommand } from './command.ts';
import { flagConflict } from './errors.ts';
import { switchFlag, textFlag } from './flag-table.ts';
import { formatAge, formatBytes } from './format.ts';
import { renderFormatted } from './go-template.ts';
import { openCommandStore, ROOT_FLAG } from './open-command-store.ts';
import { readPlatform } from './platform-flag.ts';

/** Names and texts as Docker's (cli/command/formatter, history.go). */
const HEADINGS = {
  ID: 'IMAGE',
  CreatedSince: 'CREATED',
  CreatedAt: 'CREATED AT',
  CreatedBy: 'CREATED BY',
  Size: 'SIZE',
  Comment: 'COMMENT',
} as const;
const SHORT_ID_CHARS = 12;
const SHORT_STEP_CHARS = 45;

/** `stagecraft history`, `stagecraft image history`. */
export const history = defineCommand({
  usage: '[OPTIONS] IMAGE',
  summary: 'Show how an image was made',
  flags: {
    format: textFlag('FORMAT', '"table", "json" or a Go template of fields'),
    human: switchFlag('Sizes and times for people (default true)', { short: 'H' }),
    'no-trunc': switchFlag('Show whole ids and commands'),
    platform: textFlag('PLATFORM', 'Which one of several, the one for this host by default'),
    quiet: switchFlag('Show ids only', { short: 'q' }),
    root: ROOT_FLAG,
  },
  words: { min: 1, max: 1, expected: 'one image' },
  async run({ flags, words: [name = ''] }, context) {
    if (flags.quiet === true && flags.format !== undefined) {
      throw flagConflict('Cannot use "--quiet" with "--format": each says what to print');
    }
    const isHuman = flags.human !== false;
    const isWhole = flags['no-trunc'] === true;
    await using store = openCommandStore(flags.root, context);
    const image = store.images.find(name, readPlatform(flags.platform ?? 'local', context.arch));
    const steps = imageHistory(image, readImageConfig(image, store), layerBytesIn(store.snapshots));
    const options = { isWhole, isHuman, now: context.now() };
    const rows = steps.map((row) => historyFields(row, options));
    const time = isHuman ? 'CreatedSince' : 'CreatedAt';
    const table = `table {{.ID}}\t{{.${time}}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}`;
    const format = flags.quiet === true ? '{{.ID}}' : (flags.format ?? 'table');
    context.stdout.write(renderFormatted(format === 'table' ? table : format, rows, HEADINGS));
    return 0;
  },
});

/** A step as text, by the names that templates use. */
export function historyFields(
  row: HistoryRow,
  options: { readonly isWhole: boolean; readonly isHuman: boolean; readonly now: number },
): Record<keyof typeof HEADINGS, string> {
  const { isWhole, isHuman, now } = options;
  const created = row.createdAt === undefined ? Number.NaN : Date.parse(row.createdAt);
  const step = visibleLine(row.createdBy.replaceAll('\t', ' '));
  return {
    ID: row.id === undefined ? '<missing>' : shownId(row.id, isWhole),
    CreatedSince: Number.isNaN(created) ? 'N/A' : formatAge(now - created),
    CreatedAt: Number.isNaN(created) ? 'N/A' : wholeSecond(created),
    CreatedBy: isWhole ? step : shortened(step),
    Size: isHuman ? formatBytes(row.bytes) : String(row.bytes),
    Comment: visibleLine(row.comment),
  };
}

/** As Go's time.RFC3339 prints it. */
function wholeSecond(ms: number): string {
  return new Date(ms).toISOString().replace(/\.\d+Z$/, 'Z');
}

function shownId(id: string, isWhole: boolean): string {
  return isWhole ? id : id.replace(/^sha256:/, '').slice(0, SHORT_ID_CHARS);
}

function shortened(text: string): string {
  const characters = Array.from(text);
  if (characters.length <= SHORT_STEP_CHARS) return text;
  return `${characters.slice(0, SHORT_STEP_CHARS - 1).join('')}…`;
}
