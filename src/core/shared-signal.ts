import { setMaxListeners } from 'node:events';

/**
 * Returns a signal that any number of things may wait for at once. Node takes more than ten for a leak
 * and prints a warning.
 */
export function sharedSignal(signal: AbortSignal): AbortSignal {
  setMaxListeners(0, signal);
  return signal;
}
