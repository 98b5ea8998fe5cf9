import { constants, openSync } from 'node:fs';
import { fsPath } from '../core/bytes.ts';
import { hasCode } from '../host/sys.ts';
import { contextChanged, unreadable } from './errors.ts';
import type { FileLocation } from './file-tree.ts';

const { O_NOFOLLOW, O_NONBLOCK, O_RDONLY } = constants;

/**
 * Opens what was a regular file for reading; the caller closes it. By now it may be a link or a pipe:
 * neither is followed or waited for.
 *
 * @throws BuildError CONTEXT_CHANGED when it is gone or another kind of file
 * @throws BuildError FILE_UNREADABLE when this process may not read it
 */
export function openContent(node: FileLocation): number {
  try {
    return openSync(fsPath(node.hostPath), O_RDONLY | O_NOFOLLOW | O_NONBLOCK);
  } catch (error) {
    if (hasCode(error, 'EACCES', 'EPERM')) throw unreadable(node.path, error);
    if (hasCode(error, 'ENOENT', 'ENOTDIR', 'ELOOP', 'ENXIO')) throw contextChanged(node.path);
    throw error;
  }
}
