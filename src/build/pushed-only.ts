import { formatReference, type ImageReference } from '../core/image-reference.ts';
import { parseReference } from '../image/reference.ts';
import type { Store } from './open-store.ts';
import type { BuildRequest } from './request.ts';
import type { RequestedOutput } from './write-outputs.ts';

/** Where images go that go nowhere else. */
export interface PushedOnly {
  readonly references: readonly ImageReference[];
  /** True when all pushes may do without TLS. */
  readonly isInsecure: boolean;
}

/**
 * Where the images of a build are pushed, when nothing but that is wanted of them, so that their layers need
 * not come here; else undefined. An image that is here under one of the names is one that somebody works
 * with: it must not stay behind, so the new one comes here.
 * @throws BuildError INVALID_REFERENCE
 */
export function pushedOnly(
  request: Pick<BuildRequest, 'tags' | 'isVerified'>,
  outputs: readonly RequestedOutput[],
  store: Pick<Store, 'images'>,
): PushedOnly | undefined {
  const pushes = outputs.flatMap(({ output }) =>
    output.type === 'image' && output.push && output.storing !== 'always' ? [output] : [],
  );
  if (pushes.length === 0 || pushes.length < outputs.length || request.isVerified) return undefined;
  // Layers in another form are made of their files.
  if (pushes.some(({ forcesCompression }) => forcesCompression)) return undefined;
  const names = [...new Set([...request.tags, ...pushes.flatMap((output) => output.names)])];
  const references = names.map((name) => parseReference(name));
  const isKept = pushes.some(({ storing }) => storing === 'when-here');
  const isHere = (name: ImageReference): boolean =>
    store.images.lookup(formatReference(name)) !== undefined;
  if (isKept && references.some(isHere)) return undefined;
  return { references, isInsecure: pushes.every(({ isInsecure }) => isInsecure) };
}
