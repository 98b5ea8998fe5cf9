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
