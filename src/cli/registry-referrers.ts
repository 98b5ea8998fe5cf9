import { visibleLine } from '../diagnostics/visible-text.ts';
import type { Descriptor } from '../image/manifest.ts';
import { parseReference } from '../image/reference.ts';
import { listReferrers } from '../registry/list-referrers.ts';
import { manifestNotThere } from '../registry/manifest-errors.ts';
import { openRegistries } from '../registry/registries.ts';
import { defineCommand, oneOf } from './command.ts';
import { readConfigFile } from './config-file.ts';
import { textFlag } from './flag-table.ts';
import { formatBytes, renderTable } from './format.ts';

/** `stagecraft registry referrers`: signatures, attestations and what else is attached to an image. */
export const registryReferrers = defineCommand({
  usage: '[OPTIONS] NAME[:TAG|@DIGEST]',
  summary: 'List what a registry has attached to an image',
  flags: {
    'artifact-type': textFlag('TYPE', 'Only those of this kind'),
    format: textFlag('FORMAT', 'table (default) or json'),
  },
  words: { min: 1, max: 1, expected: 'one image name' },
  async run({ flags, words: [name = ''] }, context) {
    const format = oneOf('--format', flags.format ?? 'table', ['table', 'json'] as const);
    const reference = parseReference(name);
    const { registry, repository, tag = 'latest' } = reference;
    const { signal } = context;
    const registries = openRegistries({ ...context, ...readConfigFile(context) });
    try {
      const client = registries.clientOf(registry);
      const subject = reference.digest ?? (await client.digestOfTag(repository, tag, signal));
      if (subject === undefined) throw manifestNotThere(reference);
      const kind = flags['artifact-type'];
      const found = await listReferrers(client, repository, subject, kind, signal);
      context.stdout.write(format === 'json' ? jsonLines(found) : table(found));
      return 0;
    } finally {
      registries.close();
    }
  },
});

function jsonLines(found: readonly Descriptor[]): string {
  return found.map((one) => `${JSON.stringify(one)}\n`).join('');
}

function table(found: readonly Descriptor[]): string {
  const rows = found.map(({ artifactType, mediaType, digest, size }) => [
    visibleLine(artifactType ?? mediaType),
    digest,
    formatBytes(size),
  ]);
  return renderTable([['ARTIFACT TYPE', 'DIGEST', 'SIZE'], ...rows]);
}
