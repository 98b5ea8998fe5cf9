import { indexOf } from '../build/join-images.ts';
import type { ListedImage } from '../build/manifest-lists.ts';
import { formatReference } from '../core/image-reference.ts';
import { formatPlatform } from '../core/platform.ts';
import { visibleLine } from '../diagnostics/visible-text.ts';
import { parseReference } from '../image/reference.ts';
import { defineCommand } from './command.ts';
import { badFlagValue } from './errors.ts';
import { listFlag, switchFlag, textFlag } from './flag-table.ts';
import { renderTable } from './format.ts';
import { joined, openJoiner } from './manifest.ts';

/** `stagecraft buildx imagetools create`: joins images of registries and pushes the index at once. */
export const createImage = defineCommand({
  usage: '[OPTIONS] SOURCE...',
  summary: 'Join images of registries under a name',
  flags: {
    append: switchFlag('Add to what the name stands for'),
    'dry-run': switchFlag('Print the index and send nothing'),
    progress: textFlag('KIND', 'Progress', { status: 'ignored' }),
    tag: listFlag('NAME', 'Name of the result', { short: 't' }),
  },
  words: { min: 1, max: Infinity, expected: 'one image or more' },
  async run({ flags, words }, context) {
    const { signal } = context;
    const [first] = flags.tag;
    const isDry = flags['dry-run'] === true;
    if (first === undefined && !isDry) throw badFlagValue('--tag', '', 'it is missing');
    using joiner = openJoiner(context);
    const images: ListedImage[] = [];
    const before = flags.append === true && first !== undefined ? [first] : [];
    for (const name of [...before, ...words]) images.push(...(await joiner.list(name, signal)));
    const listed = joined(images);
    if (isDry) {
      const { bytes } = indexOf(listed.map(({ descriptor }) => descriptor));
      context.stdout.write(`${bytes.toString()}\n`);
      return 0;
    }
    for (const name of flags.tag) {
      context.stdout.write(`${await joiner.push(name, listed, signal)}\n`);
    }
    return 0;
  },
});

/** `stagecraft buildx imagetools inspect`: what a name stands for in its registry. */
export const inspectImage = defineCommand({
  usage: '[OPTIONS] NAME',
  summary: 'Show what a name of a registry stands for',
  flags: {
    raw: switchFlag('Print the manifest as it is'),
  },
  words: { min: 1, max: 1, expected: 'one image name' },
  async run({ flags, words: [name = ''] }, context) {
    using joiner = openJoiner(context);
    const { bytes, descriptor, parsed } = await joiner.fetch(name, context.signal);
    if (flags.raw === true) {
      context.stdout.write(bytes);
      return 0;
    }
    const full = formatReference(parseReference(name));
    const rows = [
      ['Name:', full],
      ['MediaType:', descriptor.mediaType],
      ['Digest:', descriptor.digest],
    ];
    const parts = parsed.kind === 'index' ? parsed.index.manifests : [];
    const listed = parts.map(({ digest, mediaType, platform }) => [
      `  ${digest}`,
      platform === undefined ? '-' : visibleLine(formatPlatform(platform)),
      mediaType,
    ]);
    const table = listed.length === 0 ? '' : `\nManifests:\n${renderTable(listed)}`;
    context.stdout.write(`${renderTable(rows)}${table}`);
    return 0;
  },
});
