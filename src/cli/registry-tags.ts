import { familiarName } from '../core/image-reference.ts';
import { imageNotFound } from '../image/errors.ts';
import { parseReference } from '../image/reference.ts';
import { listTags } from '../registry/list-tags.ts';
import { openRegistries } from '../registry/registries.ts';
import { defineCommand } from './command.ts';
import { readConfigFile } from './config-file.ts';

/** `stagecraft list-tags`, `stagecraft registry tags`: one tag a line, sorted. */
export const listTagsCommand = defineCommand({
  usage: 'REPOSITORY',
  summary: 'List the tags that a registry has of an image',
  flags: {},
  words: { min: 1, max: 1, expected: 'one repository' },
  async run({ words: [name = ''] }, context) {
    const { registry, repository } = parseReference(name);
    const registries = openRegistries({ ...context, ...readConfigFile(context) });
    try {
      const tags = await listTags(registries.clientOf(registry), repository, context.signal);
      if (tags === undefined) {
        const plain = { registry, repository, tag: undefined, digest: undefined };
        throw imageNotFound(familiarName(plain), `registry "${registry}" has no such repository`);
      }
      context.stdout.write(tags.map((tag) => `${tag}\n`).join(''));
      return 0;
    } finally {
      registries.close();
    }
  },
});
