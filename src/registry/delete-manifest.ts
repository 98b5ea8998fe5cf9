import { discard } from '../http/transport.ts';
import type { ImageReference } from '../core/image-reference.ts';
import { readErrorBody } from './error-body.ts';
import { registryFailed } from './errors.ts';
import { deletionRefused, manifestNotThere } from './manifest-errors.ts';
import type { RegistryClient } from './registry-client.ts';

/** What registries answer that delete nothing, or no tags. */
const REFUSALS: ReadonlySet<number> = new Set([400, 405, 501]);

/**
 * Deletes a tag, or the manifest of a digest with all its tags (distribution-spec, "Content Management").
 * @throws BuildError REGISTRY_*, IMAGE_NOT_FOUND, DELETE_REFUSED
 */
export async function deleteManifest(
  client: RegistryClient,
  reference: ImageReference,
  signal: AbortSignal,
): Promise<void> {
  const { repository, tag = 'latest', digest } = reference;
  const what = `delete "${repository}"`;
  const actions = 'pull,push,delete';
  const path = `manifests/${digest ?? tag}`;
  const request = { method: 'DELETE', path, actions, what } as const;
  const response = await client.retried(repository, request, signal);
  if (response.status === 202 || response.status === 200 || response.status === 204) {
    discard(response);
    return;
  }
  if (response.status === 404) {
    discard(response);
    throw manifestNotThere(reference);
  }
  const found = await readErrorBody(response, signal);
  if (!REFUSALS.has(response.status)) throw registryFailed(client.name, what, found);
  const isOfTag = digest === undefined;
  const known = isOfTag ? await client.digestOfTag(repository, tag, signal) : undefined;
  if (isOfTag && known === undefined) throw manifestNotThere(reference);
  throw deletionRefused(reference, found, known);
}
