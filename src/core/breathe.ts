import { setImmediate } from 'node:timers/promises';
import { clockMs } from './clock.ts';

/**
 * Lets long synchronous work share the thread. Synchronous file calls are three times as quick as
 * the promised ones on Node, but a loop of them would stop the output of steps and Ctrl-C.
 *
 *     const breather = createBreather(signal);
 *     for (…) { …; if (breather.isDue()) await breather.breathe(); }
 */
export interface Breather {
  /** True when this thread has worked for longer than the slice. Costs one clock read. */
  isDue(): boolean;
  /** Runs what has been waiting, then throws the signal's reason when aborted. */
  breathe(): Promise<void>;
}

const SLICE_MS = 20;

export function createBreather(signal: AbortSignal): Breather {
  let since = clockMs();
  return {
    isDue: () => clockMs() - since > SLICE_MS,
    async breathe() {
      await setImmediate();
      signal.throwIfAborted();
      since = clockMs();
    },
  };
}
