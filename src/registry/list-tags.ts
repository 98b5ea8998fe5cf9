import { isTag } from '../core/image-reference.ts';
import { MAX_MANIFEST_BYTES } from '../image/parse-manifest.ts';
import { registryFailed } from './errors.ts';
import { nextPage } from './next-page.ts';
import type { RegistryClient } from './registry-client.ts';

const TAGS_PER_PAGE = 1000;
/** A list that does not end is given up. */
const MAX_PAGES = 1000;

/**
 * The tags of a repository, sorted by code unit (distribution-spec, "Listing Tags"; registries answer in
 * any order); undefined when there is no such repository. What is no tag is left out.
 * @throws BuildError REGISTRY_*
 */
export async function listTags(
  client: RegistryClient,
  repository: string,
  signal: AbortSignal,
  maxPages: number = MAX_PAGES,
): Promise<readonly string[] | undefined> {
  const what = `list the tags of "${repository}"`;
  const tags = new Set<string>();
  let path: string | URL | undefined = `tags/list?n=${TAGS_PER_PAGE}`;
  for (let page = 0; path !== undefined && page < maxPages; page++) {
    const request = { path, accept: 'application/json', what };
    const found = await client.fetchDocument(repository, request, MAX_MANIFEST_BYTES, signal);
    if (found === undefined) return page === 0 ? undefined : [...tags].sort();
    const before = tags.size;
    for (const tag of tagsOf(found.bytes)) tags.add(tag);
    // A registry that sends one page again and again would be asked for ever.
    path = tags.size === before ? undefined : nextPage(found.response);
  }
  return [...tags].sort();

  function tagsOf(bytes: Buffer): readonly string[] {
    let json: unknown;
    try {
      json = JSON.parse(bytes.toString('utf8'));
    } catch {
      throw registryFailed(client.name, what, 'its answer is not JSON');
    }
    const list = typeof json === 'object' && json !== null && 'tags' in json ? json.tags : null;
    // Registries write null for a repository whose tags are all gone.
    if (list === null) return [];
    if (!Array.isArray(list)) throw registryFailed(client.name, what, 'its answer has no list');
    return list.filter((tag): tag is string => typeof tag === 'string' && isTag(tag));
  }
}
