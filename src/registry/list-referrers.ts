import { hexOf, type Digest } from '../core/digest.ts';
import type { Descriptor } from '../image/manifest.ts';
import { MEDIA_TYPE } from '../image/manifest.ts';
import { MAX_MANIFEST_BYTES, parseManifest } from '../image/parse-manifest.ts';
import { registryFailed } from './errors.ts';
import { nextPage } from './next-page.ts';
import type { RegistryClient } from './registry-client.ts';

/** A list that does not end is given up. */
const MAX_PAGES = 100;

/**
 * What refers to a manifest: signatures, attestations, bills of materials (distribution-spec, "Listing
 * Referrers"). Registries without that API are asked for the tag `sha256-<hex>` that clients keep in its
 * place. `artifactType` leaves out all others.
 * @throws BuildError REGISTRY_*, INVALID_IMAGE
 */
export async function listReferrers(
  client: RegistryClient,
  repository: string,
  subject: Digest,
  artifactType: string | undefined,
  signal: AbortSignal,
): Promise<readonly Descriptor[]> {
  const what = `list the referrers of "${repository}"`;
  const found: Descriptor[] = [];
  const seen = new Set<string>();
  const add = (bytes: Uint8Array): boolean => {
    const parsed = parseManifest(bytes, MEDIA_TYPE.ociIndex, `the referrers of "${repository}"`);
    if (parsed.kind !== 'index') throw registryFailed(client.name, what, 'its answer is no index');
    const fresh = parsed.index.manifests.filter(({ digest }) => !seen.has(digest));
    for (const one of fresh) seen.add(one.digest);
    // Registries need not filter, whatever they are asked for.
    const isWanted = (one: Descriptor): boolean => one.artifactType === artifactType;
    found.push(...(artifactType === undefined ? fresh : fresh.filter(isWanted)));
    return fresh.length > 0;
  };

  const accept = MEDIA_TYPE.ociIndex;
  const query =
    artifactType === undefined ? '' : `?${new URLSearchParams({ artifactType }).toString()}`;
  let path: string | URL = `referrers/${subject}${query}`;
  for (let page = 0; page < MAX_PAGES; page++) {
    const request = { path, accept, what };
    const answer = await client.fetchDocument(repository, request, MAX_MANIFEST_BYTES, signal);
    // Registries without this API answer so.
    if (answer === undefined) break;
    const next = add(answer.bytes) ? nextPage(answer.response) : undefined;
    if (next === undefined) return found;
    path = next;
  }
  if (seen.size > 0) return found;
  const fallback = await client.fetchManifest(repository, `sha256-${hexOf(subject)}`, signal);
  if (fallback !== undefined) add(fallback.bytes);
  return found;
}
