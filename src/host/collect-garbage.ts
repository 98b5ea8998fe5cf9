/** Call when very much may have been let go at once: collects garbage if that is so, and mostly does nothing. */
export function collectMuchGarbage(): void {
  if (process.memoryUsage().arrayBuffers > MUCH_BYTES) collectGarbage();
}

/** What is known of 100,000 files takes that outside of the JavaScript heap. */
const MUCH_BYTES = 24 << 20;

/**
 * Gives back memory that nobody refers to any more. V8 waits with that until as much again is in use, or 64 MB
 * more outside of its heap. Takes some 10 ms and more.
 */
export function collectGarbage(): void {
  // Small builds never load these.
  const { setFlagsFromString } = process.getBuiltinModule('node:v8');
  const { runInNewContext } = process.getBuiltinModule('node:vm');
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  setFlagsFromString('--no-expose-gc');
  collect();
}
