import { textToBytes } from '../core/bytes.ts';
import { compileGoPattern } from '../dockerfile/go-match.ts';
import { familiarName, isReference } from '../core/image-reference.ts';
import { parseReference } from '../image/reference.ts';
import { badFlagValue } from './errors.ts';
import type { ImageRow } from './image-rows.ts';

/** Which rows are shown. */
export type ImageFilter = (row: ImageRow) => boolean;

/**
 * `--filter` values of `images`: `dangling=true|false`, `reference=PATTERN`. Of several references
 * one has to fit.
 * @throws BuildError FLAG_VALUE_INVALID
 */
export function parseImageFilters(values: readonly string[]): ImageFilter {
  const dangling: boolean[] = [];
  const references: ImageFilter[] = [];
  for (const text of values) {
    const equals = text.indexOf('=');
    const name = text.slice(0, Math.max(equals, 0));
    const value = text.slice(equals + 1);
    if (name === 'dangling' && /^(?:true|false|1|0)$/.test(value)) {
      dangling.push(value === 'true' || value === '1');
    } else if (name === 'reference') references.push(referencePattern(value));
    else throw badFlagValue('--filter', text, 'known are dangling=true|false, reference=PATTERN');
  }
  return (row) =>
    dangling.every((wanted) => (row.repository === '<none>') === wanted) &&
    (references.length === 0 || references.some((fits) => fits(row)));
}

/** The word after `images`: a repository, or a repository and a tag. */
export function repositoryFilter(word: string): ImageFilter {
  if (!isReference(word)) return referencePattern(word);
  const wanted = parseReference(word);
  const repository = familiarName({ ...wanted, tag: undefined, digest: undefined });
  const hasTag = word.lastIndexOf(':') > word.lastIndexOf('/');
  return (row) => row.repository === repository && (!hasTag || row.tag === wanted.tag);
}

/** A pattern as of Go's path.Match; the tag counts when the pattern has one. */
function referencePattern(text: string): ImageFilter {
  const hasTag = text.lastIndexOf(':') > text.lastIndexOf('/');
  const pattern = compileGoPattern(text);
  if (pattern === undefined) {
    throw badFlagValue('--filter', `reference=${text}`, 'it is no pattern');
  }
  return ({ repository, tag }) =>
    repository !== '<none>' &&
    pattern.matches(textToBytes(hasTag ? `${repository}:${tag}` : repository));
}
