import type { Digest } from '../core/digest.ts';
import { familiarName, formatReference, type ImageReference } from '../core/image-reference.ts';
import { BuildError } from '../diagnostics/build-error.ts';
import { imageNotFound, shown } from '../image/errors.ts';
import { shownRemote } from './errors.ts';

/** The registry does not have what a name says. `hint` may name what is meant. */
export function manifestNotThere(
  reference: ImageReference,
  hint = 'Check the spelling of the name and the tag.',
): BuildError {
  const { registry, repository, tag, digest } = reference;
  const missing: Digest | string = digest ?? `tag "${tag ?? 'latest'}"`;
  const found = `registry "${registry}" has no ${missing} in "${repository}"`;
  return imageNotFound(formatReference(reference), found, hint);
}

/** The registry deletes nothing, or no tags. `digest` is what the tag stands for. */
export function deletionRefused(
  reference: ImageReference,
  found: string,
  digest: Digest | undefined,
): BuildError {
  const { registry } = reference;
  const named = familiarName({ ...reference, tag: undefined, digest });
  return new BuildError({
    code: 'DELETE_REFUSED',
    class: 'registry',
    message: `Cannot delete "${familiarName(reference)}": registry "${shown(registry)}" refuses: ${shownRemote(found)}`,
    hint:
      digest === undefined
        ? 'Allow deletion in the configuration of the registry.'
        : `Many registries delete by digest only: ${named} goes with all its tags.`,
  });
}
