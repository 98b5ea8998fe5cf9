import { openImageJoiner, indexOf, type ImageJoiner } from '../build/join-images.ts';
import {
  openManifestLists,
  type ListedImage,
  type ManifestLists,
} from '../build/manifest-lists.ts';
import { manifestNotListed } from '../build/errors.ts';
import { familiarName, formatReference } from '../core/image-reference.ts';
import type { DescriptorPlatform } from '../image/manifest.ts';
import { parseReference } from '../image/reference.ts';
import { defineCommand, type CommandContext } from './command.ts';
import { readConfigFile } from './config-file.ts';
import { eachWord } from './each-word.ts';
import { listFlag, switchFlag, textFlag } from './flag-table.ts';
import { commandRoot, openCommandStore, ROOT_FLAG } from './open-command-store.ts';

const INSECURE = switchFlag('Allow plain HTTP', {
  status: 'warned',
  note: 'it is said in the configuration file, by registry; loopback is always allowed',
});

/** `stagecraft manifest create`: begins a list of images that are in registries. */
export const createManifest = defineCommand({
  usage: '[OPTIONS] LIST IMAGE...',
  summary: 'Begin a list that joins images of several platforms',
  flags: {
    amend: switchFlag('Add to a list that is there', { short: 'a' }),
    insecure: INSECURE,
    root: ROOT_FLAG,
  },
  words: { min: 2, max: Infinity, expected: 'the name of a list and one image or more' },
  async run({ flags, words: [written = '', ...names] }, context) {
    const lists = await openLists(flags.root, context);
    const name = formatReference(parseReference(written));
    const isAmended = flags.amend === true;
    const known = isAmended ? (lists.find(written)?.images ?? []) : [];
    // Said before registries are asked.
    if (!isAmended) lists.put({ name, images: [] }, false);
    try {
      using joiner = openJoiner(context);
      const added: ListedImage[] = [];
      for (const each of names) added.push(...(await joiner.list(each, context.signal)));
      lists.put({ name, images: joined([...known, ...added]) }, true);
    } catch (error) {
      if (!isAmended) lists.remove(name);
      throw error;
    }
    context.stdout.write(`Created manifest list ${name}\n`);
    return 0;
  },
});

/** `stagecraft manifest annotate`: changes what a list says of one image. */
export const annotateManifest = defineCommand({
  usage: '[OPTIONS] LIST IMAGE',
  summary: 'Change the platform that a list says of an image',
  flags: {
    arch: textFlag('ARCHITECTURE', 'Processor, as GOARCH'),
    os: textFlag('SYSTEM', 'Operating system, as GOOS'),
    'os-features': listFlag('TEXT', 'Features of the system', {
      status: 'unsupported',
      note: 'images for Windows are not built here',
    }),
    'os-version': textFlag('VERSION', 'Version of the system'),
    root: ROOT_FLAG,
    variant: textFlag('VARIANT', 'Variant of the processor'),
  },
  words: { min: 2, max: 2, expected: 'the name of a list and an image of it' },
  async run({ flags, words: [written = '', image = ''] }, context) {
    const lists = await openLists(flags.root, context);
    const list = lists.get(written);
    const source = formatReference(parseReference(image));
    const { digest } = parseReference(image);
    const isMeant = (it: ListedImage): boolean =>
      it.source === source || (digest !== undefined && it.descriptor.digest === digest);
    if (!list.images.some(isMeant)) {
      const sources = list.images.map((it) => familiarName(parseReference(it.source)));
      throw manifestNotListed(image, written, sources);
    }
    const changed = (platform: DescriptorPlatform | undefined): DescriptorPlatform => ({
      os: flags.os ?? platform?.os ?? 'linux',
      architecture: flags.arch ?? platform?.architecture ?? '',
      variant: flags.variant ?? platform?.variant,
      'os.version': flags['os-version'] ?? platform?.['os.version'],
    });
    const images = list.images.map((it) => {
      if (!isMeant(it)) return it;
      const { source: from, descriptor } = it;
      return {
        source: from,
        descriptor: { ...descriptor, platform: changed(descriptor.platform) },
      };
    });
    lists.put({ ...list, images }, true);
    return 0;
  },
});

/** `stagecraft manifest inspect`: a list that was begun here, else what a registry has. */
export const inspectManifest = defineCommand({
  usage: '[OPTIONS] [LIST] NAME',
  summary: 'Show a list, or the manifest of an image',
  flags: {
    insecure: INSECURE,
    root: ROOT_FLAG,
    verbose: switchFlag('Show the images of a list with their names', { short: 'v' }),
  },
  words: { min: 1, max: 2, expected: 'a name' },
  async run({ flags, words }, context) {
    const name = words.at(-1) ?? '';
    const list = (await openLists(flags.root, context)).find(words[0] ?? '');
    if (list !== undefined && words.length === 1) {
      const { bytes } = indexOf(list.images.map(({ descriptor }) => descriptor));
      context.stdout.write(pretty(flags.verbose === true ? list.images : bytes));
      return 0;
    }
    using joiner = openJoiner(context);
    const found =
      flags.verbose === true
        ? await joiner.list(name, context.signal)
        : (await joiner.fetch(name, context.signal)).bytes;
    context.stdout.write(pretty(found));
    return 0;
  },
});

/** `stagecraft manifest push`. Prints the digest of the index. */
export const pushManifest = defineCommand({
  usage: '[OPTIONS] LIST',
  summary: 'Send a list to the registry that its name says',
  flags: {
    insecure: INSECURE,
    purge: switchFlag('Forget the list afterwards', { short: 'p' }),
    root: ROOT_FLAG,
  },
  words: { min: 1, max: 1, expected: 'the name of a list' },
  async run({ flags, words: [written = ''] }, context) {
    const lists = await openLists(flags.root, context);
    const list = lists.get(written);
    using joiner = openJoiner(context);
    const digest = await joiner.push(list.name, list.images, context.signal);
    if (flags.purge === true) lists.remove(written);
    context.stdout.write(`${digest}\n`);
    return 0;
  },
});

/** `stagecraft manifest rm`. */
export const removeManifest = defineCommand({
  usage: 'LIST...',
  summary: 'Forget lists that were begun here',
  flags: { root: ROOT_FLAG },
  words: { min: 1, max: Infinity, expected: 'one list or more' },
  async run({ flags, words }, context) {
    const lists = await openLists(flags.root, context);
    await eachWord(words, context.signal, (word) => {
      lists.remove(word);
      return Promise.resolve();
    });
    return 0;
  },
});

/** Registries as this user reaches them. */
export function openJoiner(context: CommandContext): ImageJoiner {
  const { env, homeDir } = context;
  return openImageJoiner({ registries: readConfigFile(context).registries, env, homeDir });
}

/** Makes the store when it is not there. */
async function openLists(
  root: string | undefined,
  context: CommandContext,
): Promise<ManifestLists> {
  await using _store = openCommandStore(root, context);
  return openManifestLists(commandRoot(root, context));
}

/** Each manifest once; what was given last is what counts. */
export function joined(images: readonly ListedImage[]): readonly ListedImage[] {
  return [...new Map(images.map((image) => [image.descriptor.digest, image])).values()];
}

const INDENT = 3;

function pretty(value: unknown): string {
  const json: unknown =
    value instanceof Uint8Array ? JSON.parse(Buffer.from(value).toString('utf8')) : value;
  return `${JSON.stringify(json, undefined, INDENT)}\n`;
}
