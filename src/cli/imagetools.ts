import { indexOf, type FoundManifest, type ImageJoiner } from '../build/join-images.ts';
import type { ListedImage } from '../build/manifest-lists.ts';
import { formatReference } from '../core/image-reference.ts';
import { formatPlatform } from '../core/platform.ts';
import { visibleLine } from '../diagnostics/visible-text.ts';
import { parseReference } from '../image/reference.ts';
import { defineCommand } from './command.ts';
import { badFlagValue } from './errors.ts';
import { listFlag, switchFlag, textFlag } from './flag-table.ts';
import { renderTable } from './format.ts';
import { withGoNames } from './go-names.ts';
import { joined, openJoiner } from './manifest.ts';
import { parseValueTemplate } from './value-template.ts';

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
    format: textFlag('FORMAT', '"json" or a Go template of .Name, .Manifest and .Image'),
    raw: switchFlag('Print the manifest as it is'),
  },
  words: { min: 1, max: 1, expected: 'one image name' },
  async run({ flags, words: [name = ''] }, context) {
    const isJson = flags.format === 'json';
    const format = isJson ? '{{json .}}' : (flags.format ?? '');
    const template = format === '' ? undefined : parseValueTemplate(format);
    using joiner = openJoiner(context);
    const found = await joiner.fetch(name, context.signal);
    const { bytes, descriptor, parsed } = found;
    const full = formatReference(parseReference(name));
    if (template !== undefined) {
      const facts: Record<string, unknown> = { name: full, manifest: manifestFacts(found) };
      // Takes more questions.
      if (isJson || format.includes('.Image')) {
        facts['image'] = await imageFacts(name, found, joiner, context.signal);
      }
      context.stdout.write(`${template(withGoNames(facts))}\n`);
      return 0;
    }
    if (flags.raw === true) {
      context.stdout.write(bytes);
      return 0;
    }
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

/** `.Manifest` of buildx: the descriptor, and what an index lists. */
function manifestFacts({ descriptor, parsed }: FoundManifest): object {
  return parsed.kind === 'index'
    ? { schemaVersion: 2, ...descriptor, manifests: parsed.index.manifests }
    : descriptor;
}

/** `.Image` of buildx: the config, or those of all images by platform. */
async function imageFacts(
  name: string,
  { parsed }: FoundManifest,
  joiner: ImageJoiner,
  signal: AbortSignal,
): Promise<unknown> {
  if (parsed.kind === 'image') return joiner.fetchConfig(name, parsed.manifest, signal);
  const images: Record<string, unknown> = {};
  for (const { digest, platform } of parsed.index.manifests) {
    // Attestations are no images.
    if (platform === undefined || platform.os === 'unknown') continue;
    const part = { ...parseReference(name), tag: undefined, digest };
    const found = await joiner.fetch(formatReference(part), signal);
    if (found.parsed.kind !== 'image') continue;
    images[formatPlatform(platform)] = await joiner.fetchConfig(
      name,
      found.parsed.manifest,
      signal,
    );
  }
  return images;
}
