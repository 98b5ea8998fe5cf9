import { BuildError } from '../diagnostics/build-error.ts';
import { visibleLine } from '../diagnostics/visible-text.ts';

const MAX_SHOWN_CHARACTERS = 400;

/** A `--cache-from` or `--cache-to` that says nothing that can be done. */
export function invalidCacheOption(
  flag: string,
  text: string,
  found: string,
  hint?: string,
): BuildError {
  return new BuildError({
    code: 'CACHE_OPTION_INVALID',
    class: 'usage',
    message: `Cannot use "${shown(text)}" for "${flag}": ${shown(found)}`,
    hint,
  });
}

/** A kind of cache that BuildKit has and that is not here. */
export function unsupportedCache(flag: string, type: string, found: string): BuildError {
  return new BuildError({
    code: 'UNSUPPORTED',
    class: 'usage',
    message: `Cannot use "type=${type}" for "${flag}": ${found}`,
    hint: 'Use type=registry, or type=local and keep the directory between jobs.',
  });
}

/** What is at the place of a cache is none, or a part of it is missing or damaged. */
export function cacheUnusable(place: string, found: string, hint?: string): BuildError {
  return new BuildError({
    code: 'CACHE_UNUSABLE',
    class: 'registry',
    message: `Cannot use the cache "${shown(place)}": ${shown(found)}`,
    hint,
  });
}

function shown(text: string): string {
  const isLong = text.length > MAX_SHOWN_CHARACTERS;
  return visibleLine(isLong ? `${text.slice(0, MAX_SHOWN_CHARACTERS)}…` : text);
}
