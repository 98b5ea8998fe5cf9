import { realpathSync } from 'node:fs';
import { relative } from 'node:path';

/**
 * True when a path that lies in a directory by its name leads out of it through links. False when something
 * is not there.
 */
export function leadsOutside(path: string, directory: string): boolean {
  try {
    return (
      isBelow(path, directory) &&
      !isBelow(realpathSync.native(path), realpathSync.native(directory))
    );
  } catch {
    return false;
  }
}

function isBelow(path: string, directory: string): boolean {
  const way = relative(directory, path);
  return way !== '..' && !way.startsWith('../');
}
