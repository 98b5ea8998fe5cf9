import { nearest } from '../core/suggest.ts';

const MAX_SHOWN_TAGS = 5;

/** Which tags of a repository may be meant by one that it does not have: those near it, else some. */
export function tagHint(wanted: string, tags: readonly string[]): string {
  if (tags.length === 0) return 'The repository has no tags.';
  const closest = nearest(wanted, tags);
  const related = tags.filter((tag) => tag !== closest && isRelated(tag, wanted));
  const near = [...(closest === undefined ? [] : [closest]), ...related].slice(0, MAX_SHOWN_TAGS);
  if (near.length > 0) return `Did you mean ${alternatives(near)}?`;
  // The last ones of a list by name or time are more often the current ones.
  const some = tags.slice(-MAX_SHOWN_TAGS);
  const isAll = some.length === tags.length;
  const list = some.map((tag) => `"${tag}"`).join(', ');
  return isAll ? `The repository has ${list}.` : `The repository has ${list} and others.`;
}

/** `3.18` and `3.18.4`, `18` and `18-alpine`. */
function isRelated(tag: string, wanted: string): boolean {
  const [longer, shorter] = tag.length > wanted.length ? [tag, wanted] : [wanted, tag];
  return longer.startsWith(shorter) && /^[.\-_]/.test(longer.slice(shorter.length));
}

function alternatives(tags: readonly string[]): string {
  const quoted = tags.map((tag) => `"${tag}"`);
  const last = quoted.at(-1) ?? '';
  return quoted.length === 1 ? last : `${quoted.slice(0, -1).join(', ')} or ${last}`;
}
