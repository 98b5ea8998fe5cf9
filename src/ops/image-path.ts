/** Lexical work on absolute paths inside images. `..` stops at the root. */

/** Absolute, without `.`, `..`, doubled or trailing slashes. Relative paths start at the root. */
export function cleanPath(path: string): string {
  const parts: string[] = [];
  for (const part of path.split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}

/** `path` as seen from the directory `parent`. */
export function joinPath(parent: string, path: string): string {
  return cleanPath(path.startsWith('/') ? path : `${parent}/${path}`);
}

/** Like `joinPath`; a path that names a directory (`x/`, `x/.`, `.`, or empty) keeps one slash at its end. */
export function joinDestination(parent: string, path: string): string {
  const clean = joinPath(parent, path);
  const isDirectory = path === '' || path === '.' || path.endsWith('/') || path.endsWith('/.');
  return isDirectory && clean !== '/' ? `${clean}/` : clean;
}

/** The last part, empty for the root. */
export function baseName(path: string): string {
  return cleanPath(path).split('/').at(-1) ?? '';
}

/** WORKDIR as the config keeps it: relative ones joined, absolute ones as they are written. */
export function joinWorkdir(current: string, path: string): string {
  if (path.startsWith('/')) return path;
  const parent = current.startsWith('/') ? current : `/${current}`;
  return path === '' ? parent : cleanPath(`${parent}/${path}`);
}

/**
 * Where the body of a heredoc is kept until it is copied or run: in the root, by the last part of its
 * name, since the directories of a longer name would not be there.
 */
export function documentPath(name: string): string {
  const base = baseName(name);
  return `/${base === '' ? UNNAMED : base}`;
}

/** What a file without a name of its own is stored as. */
export const UNNAMED = '__unnamed__';
