import { join } from 'node:path';

/** Traces of builds in the user's cache: the last ones are kept, some ten KB each. */
export const TRACES = { prefix: 'replay-', maxKept: 32 } as const;

/** Where the trace of a call is, in our directory of the user's cache (user-cache.ts). */
export function tracePath(directory: string, call: string): string {
  return join(directory, `${TRACES.prefix}${call}.json`);
}
