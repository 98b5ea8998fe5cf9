import { formatReference, type ImageReference } from '../core/image-reference.ts';
import type { Digest } from '../core/digest.ts';
import type { PushOptions } from '../export/export-image.ts';
import type { Descriptor } from '../image/manifest.ts';
import { createImagePusher } from '../registry/push-image.ts';
import { knownRepository, withInsecure, type PushDeps } from './push-images.ts';

/** A layer that is in some registry, and need not be here. */
export interface RemoteBlob {
  readonly descriptor: Descriptor;
  /** `registry/repository` of each that has it, as far as is known. */
  readonly repositories: readonly string[];
}

/**
 * Of the blobs, those that the repositories of all references have by now: they had them, or mounted them from
 * another repository of their registry.
 * @throws BuildError REGISTRY_*
 */
export type ClaimBlobs = (
  blobs: readonly RemoteBlob[],
  references: readonly ImageReference[],
  options: Pick<PushOptions, 'isInsecure'>,
  signal: AbortSignal,
) => Promise<ReadonlySet<Digest>>;

/** Asks each repository once. What one of them lacks, the next ones are not asked for. */
export async function claimBlobs(
  blobs: readonly RemoteBlob[],
  references: readonly ImageReference[],
  { isInsecure }: Pick<PushOptions, 'isInsecure'>,
  deps: Omit<PushDeps, 'blobs'>,
  signal: AbortSignal,
): Promise<ReadonlySet<Digest>> {
  const registries =
    isInsecure === true ? withInsecure(deps.registries, references) : deps.registries;
  using pusher = createImagePusher({ ...deps, registries });
  const places = new Map(references.map((name) => [`${name.registry}/${name.repository}`, name]));
  const asked: string[] = [];
  let claimed = blobs;
  for (const [place, reference] of places) {
    const wanted = claimed.map(({ descriptor, repositories }) => ({
      descriptor,
      mountFrom: knownRepository([...asked, ...repositories], reference.registry),
    }));
    const found = await pusher.claim(formatReference(reference), wanted, signal);
    claimed = claimed.filter(({ descriptor }) => found.has(descriptor.digest));
    asked.push(place);
  }
  return new Set(claimed.map(({ descriptor }) => descriptor.digest));
}
