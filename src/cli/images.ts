import { readImageConfig } from '../build/describe-image.ts';
import { defineCommand } from './command.ts';
import { flagConflict } from './errors.ts';
import { listFlag, switchFlag, textFlag } from './flag-table.ts';
import { renderFormatted } from './go-template.ts';
import { parseImageFilters, repositoryFilter } from './image-filter.ts';
import { IMAGE_HEADINGS, imageFields, imageRows } from './image-rows.ts';
import { openCommandStore, ROOT_FLAG } from './open-command-store.ts';

/** `stagecraft images`, `stagecraft image ls`. */
export const images = defineCommand({
  usage: '[OPTIONS] [REPOSITORY[:TAG]]',
  summary: 'List images',
  flags: {
    // There are no intermediate images to show: steps are kept in the cache.
    all: switchFlag('Show all images', { short: 'a', status: 'ignored' }),
    digests: switchFlag('Show digests'),
    filter: listFlag('FILTER', 'dangling=true, label=KEY, before=IMAGE, since=, reference=', {
      short: 'f',
    }),
    format: textFlag('FORMAT', '"table", "json" or a Go template of fields'),
    'no-trunc': switchFlag('Show whole ids'),
    quiet: switchFlag('Show ids only', { short: 'q' }),
    root: ROOT_FLAG,
  },
  words: { min: 0, max: 1, expected: 'at most one repository' },
  async run({ flags, words: [word] }, context) {
    if (flags.quiet === true && flags.format !== undefined) {
      throw flagConflict('Cannot use "--quiet" with "--format": each says what to print');
    }
    const isNamed = word === undefined ? () => true : repositoryFilter(word);
    await using store = openCommandStore(flags.root, context);
    const isShown = parseImageFilters(flags.filter, (image) => {
      const named = store.images.find(image);
      return readImageConfig(named, store).created;
    });
    const rows = imageRows(store).filter((row) => isShown(row) && isNamed(row));
    const things = rows.map((row) => imageFields(row, flags['no-trunc'] === true, context.now()));
    if (flags.quiet === true) {
      // Once for each name, as Docker has it.
      context.stdout.write(things.map(({ ID }) => `${ID}\n`).join(''));
      return 0;
    }
    const columns = ['Repository', 'Tag', ...(flags.digests === true ? ['Digest'] : [])];
    const table = [...columns, 'ID', 'CreatedSince', 'Size'].map((name) => `{{.${name}}}`);
    const format =
      flags.format === undefined || flags.format === 'table'
        ? `table ${table.join('\t')}`
        : flags.format;
    context.stdout.write(renderFormatted(format, things, IMAGE_HEADINGS));
    return 0;
  },
});
