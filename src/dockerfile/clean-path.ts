/** The shortest path with the same meaning, by Go's `path.Clean`: no `.`, `..` only in front, never "". */
export function cleanPath(path: string): string {
  const isRooted = path.startsWith('/');
  const kept: string[] = [];
  for (const part of path.split('/')) {
    if (part === '' || part === '.') continue;
    if (part !== '..') kept.push(part);
    else if (kept.length > 0 && kept.at(-1) !== '..') kept.pop();
    else if (!isRooted) kept.push(part);
  }
  const joined = (isRooted ? '/' : '') + kept.join('/');
  return joined === '' ? '.' : joined;
}
