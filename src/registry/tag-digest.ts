import type { Digest } from '../core/digest.ts';
import type { ImageReference } from '../core/image-reference.ts';
import type { Registries } from './registries.ts';
import { askInTurn } from './registry-image-source.ts';

/**
 * What the first mirror that knows a tag, or the registry itself, says that it is now: the digest of a manifest
 * or an index. Undefined when none says.
 * @throws BuildError REGISTRY_*
 */
export function digestOfTag(
  registries: Registries,
  { registry, repository, tag = 'latest' }: Pick<ImageReference, 'registry' | 'repository' | 'tag'>,
  signal: AbortSignal,
): Promise<Digest | undefined> {
  return askInTurn(registries.clientsFor(registry), signal, (client) =>
    client.digestOfTag(repository, tag, signal),
  );
}
