import { BuildError } from '../diagnostics/build-error.ts';
import type { Span } from '../diagnostics/source.ts';
import { visibleLine } from '../diagnostics/visible-text.ts';

const MAX_SHOWN_CHARACTERS = 400;

/** Text from outside, fit for a message: one line that does nothing to a terminal, not endless. */
export function shown(text: string): string {
  const isLong = text.length > MAX_SHOWN_CHARACTERS;
  return visibleLine(isLong ? `${text.slice(0, MAX_SHOWN_CHARACTERS)}…` : text).trim();
}

/** A name that no image can have. */
export function invalidReference(
  text: string,
  fault: string,
  hint: string | undefined,
  span: Span | undefined,
): BuildError {
  return new BuildError({
    code: 'INVALID_REFERENCE',
    class: 'input',
    message: `Cannot use "${shown(text)}" as an image name: ${shown(fault)}`,
    hint: hint === undefined ? undefined : shown(hint),
    span,
  });
}

/** Manifest, index, config or layout file from outside that breaks its specification. */
export function invalidImage(what: string, found: string): BuildError {
  return new BuildError({
    code: 'INVALID_IMAGE',
    class: 'input',
    message: `Cannot read ${what}: ${found}`,
  });
}

/** The manifest belongs to something else than a container image, or to a form that is not read any more. */
export function unsupportedImage(what: string, found: string, hint?: string): BuildError {
  return new BuildError({
    code: 'UNSUPPORTED_IMAGE',
    class: 'input',
    message: `Cannot use ${what}: ${found}`,
    hint,
  });
}

/** A multi-platform image has nothing for the wanted platform. */
export function platformNotFound(
  name: string,
  wanted: string,
  available: readonly string[],
): BuildError {
  const found =
    available.length === 0 ? 'it has no platforms at all' : `it has ${available.join(', ')}`;
  return new BuildError({
    code: 'PLATFORM_NOT_FOUND',
    class: 'input',
    message: `Cannot use "${shown(name)}" for platform ${wanted}: ${shown(found)}`,
    hint:
      available[0] === undefined
        ? undefined
        : `Ask for one of them, e.g. --platform ${available[0]}.`,
  });
}

/** No image of this name or id in a place that was looked at. */
export function imageNotFound(name: string, where: string, hint?: string): BuildError {
  return new BuildError({
    code: 'IMAGE_NOT_FOUND',
    class: 'input',
    message: `Cannot find image "${shown(name)}": ${shown(where)}`,
    hint,
  });
}

/** A short id that several images have. */
export function ambiguousImageId(text: string, count: number): BuildError {
  return new BuildError({
    code: 'AMBIGUOUS_IMAGE_ID',
    class: 'usage',
    message: `Cannot tell which image "${shown(text)}" is: ${count} images have ids that begin so`,
    hint: 'Give more digits of the id, or a name.',
  });
}

/** An image that still has names, when it was named by its id. */
export function imageHasNames(id: string, names: readonly string[]): BuildError {
  return new BuildError({
    code: 'IMAGE_HAS_NAMES',
    class: 'usage',
    message: `Cannot remove image ${id}: it has ${names.length} names: ${names.map(shown).join(', ')}`,
    hint: 'Remove them one by one, or all with --force.',
  });
}

/** An image that an index of the store lists: without it the index would be broken. */
export function imageInIndex(id: string, platform: string, index: string): BuildError {
  return new BuildError({
    code: 'IMAGE_IN_INDEX',
    class: 'usage',
    message: `Cannot remove image ${id}: it is the image for ${shown(platform)} of "${shown(index)}"`,
    hint: `Remove them together: stagecraft rmi ${shown(index)}`,
  });
}

/** The list of images was changed by something else than this program, or the disk failed. */
export function imageListCorrupt(path: string, cause: unknown): BuildError {
  const found = cause instanceof Error ? cause.message : String(cause);
  return new BuildError({
    code: 'IMAGE_LIST_CORRUPT',
    class: 'host',
    message: `Cannot use the list of images at "${path}": ${shown(found)}`,
    hint: `Move "${path}" away; images have to be built or pulled again, cached steps stay.`,
    cause,
  });
}
