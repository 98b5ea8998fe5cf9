import { mount, MS } from './mount.ts';
import { CLONE, unshare } from './sys.ts';

let isEntered = false;

/**
 * Moves this process's main thread into a mount namespace of its own, once. What it mounts from then on
 * vanishes with the last process inside, so even kill -9 leaves no mounts on the host.
 *
 * Only the main thread, and children and threads started afterwards, see those mounts. Threads of
 * libuv's pool that are running already (asynchronous `node:fs` calls, zlib) do not: so merged views
 * are for children and for synchronous calls of the main thread only.
 *
 * Mounts the host makes later do not show up inside (`/` becomes recursively private).
 * @throws SystemError EPERM without CAP_SYS_ADMIN
 */
export function enterPrivateMountNamespace(): void {
  if (isEntered) return;
  unshare(CLONE.NEWNS);
  mount({ source: 'none', target: '/', flags: MS.REC | MS.PRIVATE });
  isEntered = true;
}
