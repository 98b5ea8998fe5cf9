import { linkSync } from 'node:fs';
import { fsPath, type BytePath } from '../core/bytes.ts';
import { BuildError } from '../diagnostics/build-error.ts';
import { hasCode } from '../host/sys.ts';
import { shown } from './errors.ts';

/**
 * Gives the file `from` the name `to` as well; `path` is what that is called in the image. Only for names that
 * are one file in a layer: copies would make another image than everywhere else.
 *
 * @throws BuildError HARD_LINKS_UNSUPPORTED where the file system has none
 */
export function makeHardLink(from: BytePath, to: BytePath, path: BytePath): void {
  try {
    linkSync(fsPath(from), fsPath(to));
  } catch (error) {
    if (!hasCode(error, 'EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS')) throw error;
    throw hardLinksUnsupported(path, error);
  }
}

/** The store is where files have one name only, such as FAT or some network file systems. */
function hardLinksUnsupported(path: BytePath, cause: unknown): BuildError {
  return new BuildError({
    code: 'HARD_LINKS_UNSUPPORTED',
    class: 'host',
    message: `Cannot create "${shown(path)}": it is another name of a file, and the file system of the store has no hard links`,
    hint: 'Put the store on another file system, with --root or STAGECRAFT_ROOT',
    cause,
  });
}
