import { join } from 'node:path';
import { acquireLock, tryLock, type Lock } from '../host/lock.ts';

/**
 * Who works with a store and who tidies it, kept apart by a kernel lock on `locks/store`. Builds share it
 * for as long as they rely on what they found; whoever removes things has it alone.
 */
const NAME = 'store';

/** Waits until nobody tidies the store, and keeps it so until disposed. @throws the signal's reason */
export function useStore(root: string, signal: AbortSignal): Promise<Lock> {
  return acquireLock(pathOf(root), { type: 'shared' }, signal);
}

/**
 * Waits until nobody uses the store. `onWait` is called once, when there is something to wait for.
 * @throws the signal's reason
 */
export async function lockStoreAlone(
  root: string,
  onWait: () => void,
  signal: AbortSignal,
): Promise<Lock> {
  signal.throwIfAborted();
  const lock = tryLock(pathOf(root), 'exclusive');
  if (lock !== undefined) return lock;
  onWait();
  return acquireLock(pathOf(root), { type: 'exclusive' }, signal);
}

function pathOf(root: string): string {
  return join(root, 'locks', NAME);
}
