import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

/**
 * Gives back memory that nobody refers to any more. V8 waits with that until as much again is in use, or 64 MB
 * more outside of its heap. Takes some 10 ms and more: only for when very much was let go at once.
 */
export function collectGarbage(): void {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  setFlagsFromString('--no-expose-gc');
  collect();
}
