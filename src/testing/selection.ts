import type { Selection } from '../tree/select-files.ts';

/** What `COPY source …` of a Dockerfile selects, but for what `more` says. */
export function selectionOf(source: string, more: Partial<Selection> = {}): Selection {
  return {
    source,
    followsSymlink: true,
    allowsWildcard: true,
    copiesDirContents: true,
    keepsParents: false,
    excludes: [],
    ...more,
  };
}
