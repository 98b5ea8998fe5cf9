import { listRecords, observeState } from '../containers/container-record.ts';
import { isReference, storedName } from '../core/image-reference.ts';
import type { RemovedImage } from '../image/image-store.ts';
import { parseReference } from '../image/reference.ts';
import { imageInUse } from './errors.ts';
import type { Store } from './open-store.ts';

/**
 * Takes a name away, and with its last name, or by its id, the image. One that containers were made of
 * stays as Docker leaves it: by name, its last name goes only with `force`, and the image stays without
 * one; by id, it goes with `force` where no container of it runs.
 * @throws BuildError IMAGE_IN_USE; as `ImageStore.remove`
 */
export async function removeImage(
  text: string,
  options: { readonly force: boolean },
  store: Store,
  signal: AbortSignal,
): Promise<RemovedImage> {
  const entry = store.images.findEntry(text);
  const images = 'image' in entry ? [entry.image] : entry.images;
  const ids = new Set<string>(images.map(({ id }) => id));
  const users = listRecords(store.root).filter(({ imageId }) => ids.has(imageId ?? ''));
  const [user] = users;
  const name = fullNameIn(text, entry.references);
  const isLastName = name !== undefined && entry.references.length === 1;
  const goes = name === undefined || isLastName;
  if (user === undefined || !goes) return store.images.remove(text, options, signal);
  const running = users.find((each) => observeState(each).kind === 'running');
  if (name === undefined && running !== undefined) throw imageInUse(text, running, false);
  if (!options.force) throw imageInUse(text, running ?? user, true);
  if (name === undefined) return store.images.remove(text, options, signal);
  await store.images.untag(name, signal);
  return { untagged: [name], removed: undefined };
}

/** The name that the text is, unless it is an id. */
function fullNameIn(text: string, references: readonly string[]): string | undefined {
  if (!isReference(text)) return undefined;
  const full = storedName(parseReference(text));
  return references.includes(full) ? full : undefined;
}
