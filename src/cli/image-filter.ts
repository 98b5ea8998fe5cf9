import { textToBytes } from '../core/bytes.ts';
import { compileGoPattern } from '../dockerfile/go-match.ts';
import { familiarName, isReference } from '../core/image-reference.ts';
import { parseReference } from '../image/reference.ts';
import { badFlagValue } from './errors.ts';
import type { ImageRow } from './image-rows.ts';

/** Which rows are shown. */
export type ImageFilter = (row: ImageRow) => boolean;

const KNOWN =
  'dangling=true|false, label=KEY[=VALUE], before=IMAGE, since=IMAGE, reference=PATTERN';

/**
 * `--filter` values of `images`. Of several references one has to fit, of everything else all.
 * `createdAt` gives the time of another image, RFC 3339. @throws BuildError FLAG_VALUE_INVALID; as `createdAt`
 */
export function parseImageFilters(
  values: readonly string[],
  createdAt: (image: string) => string | undefined,
): ImageFilter {
  const all: ImageFilter[] = [];
  const references: ImageFilter[] = [];
  for (const text of values) {
    const equals = text.indexOf('=');
    const name = text.slice(0, Math.max(equals, 0));
    const value = text.slice(equals + 1);
    if (name === 'dangling' && /^(?:true|false|1|0)$/.test(value)) {
      const isWanted = value === 'true' || value === '1';
      all.push((row) => (row.repository === '<none>') === isWanted);
    } else if (name === 'label' && value !== '') all.push(labelFilter(value));
    else if ((name === 'before' || name === 'since') && value !== '') {
      const limit = Date.parse(createdAt(value) ?? '');
      const isBefore = name === 'before';
      all.push((row) => {
        const made = Date.parse(row.createdAt ?? '');
        return isBefore ? made < limit : made > limit;
      });
    } else if (name === 'reference') references.push(referencePattern(value));
    else throw badFlagValue('--filter', text, `known are ${KNOWN}`);
  }
  return (row) =>
    all.every((fits) => fits(row)) &&
    (references.length === 0 || references.some((fits) => fits(row)));
}

function labelFilter(text: string): ImageFilter {
  const equals = text.indexOf('=');
  const key = equals === -1 ? text : text.slice(0, equals);
  const value = equals === -1 ? undefined : text.slice(equals + 1);
  return ({ labels }) =>
    Object.hasOwn(labels, key) && (value === undefined || labels[key] === value);
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
