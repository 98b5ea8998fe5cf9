import { familiarName } from '../core/image-reference.ts';
import { parseReference } from '../image/reference.ts';
import { deleteManifest } from '../registry/delete-manifest.ts';
import { openRegistries } from '../registry/registries.ts';
import { defineCommand } from './command.ts';
import { readConfigFile } from './config-file.ts';
import { eachWord } from './each-word.ts';
import { nameWithoutTag } from './errors.ts';

/** `stagecraft registry delete`: names in a registry, never in the local store. */
export const registryDelete = defineCommand({
  usage: 'NAME:TAG|NAME@DIGEST...',
  summary: 'Delete tags or manifests in a registry',
  flags: {},
  words: { min: 1, max: Infinity, expected: 'one image name or more' },
  async run({ words }, context) {
    const registries = openRegistries({ ...context, ...readConfigFile(context) });
    try {
      await eachWord(words, context.signal, async (word) => {
        const reference = parseReference(word);
        // What is deleted is not guessed: `latest` goes when it is written.
        const isWhole = word.includes('@') || word.lastIndexOf(':') > word.lastIndexOf('/');
        if (!isWhole) throw nameWithoutTag(word);
        const client = registries.clientOf(reference.registry);
        await deleteManifest(client, reference, context.signal);
        context.stdout.write(`Deleted ${familiarName(reference)}\n`);
      });
      return 0;
    } finally {
      registries.close();
    }
  },
});
