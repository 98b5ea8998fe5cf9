import { readReference, type ImageReference } from '../core/image-reference.ts';
import type { Span } from '../diagnostics/source.ts';
import { invalidReference } from './errors.ts';

/**
 * Reads a reference as written on a command line or in FROM.
 * @throws BuildError INVALID_REFERENCE, which says what part is wrong.
 */
export function parseReference(text: string, span?: Span): ImageReference {
  const result = readReference(text);
  if ('fault' in result) throw invalidReference(text, result.fault, result.hint, span);
  return result;
}

/**
 * Reads a name that an image shall get. A digest cannot be given: it names its content and nothing else.
 * @throws BuildError INVALID_REFERENCE
 */
export function parseNewName(text: string): ImageReference {
  const reference = parseReference(text);
  const { registry, repository, digest } = reference;
  if (digest !== undefined) {
    const fault = 'a digest names its content, and cannot be given to an image';
    throw invalidReference(text, fault, `Leave "@${digest}" out.`, undefined);
  }
  // Docker reads `sha256:abc` as the beginning of an id.
  if (registry === 'docker.io' && repository === 'library/sha256') {
    throw invalidReference(text, 'it would be taken for an image id', undefined, undefined);
  }
  return reference;
}
