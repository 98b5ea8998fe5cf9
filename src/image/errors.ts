import { BuildError } from '../diagnostics/build-error.ts';

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
    message: `Cannot use "${name}" for platform ${wanted}: ${found}`,
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
    message: `Cannot find image "${name}": ${where}`,
    hint,
  });
}
