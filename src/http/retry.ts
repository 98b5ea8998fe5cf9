import { setTimeout } from 'node:timers/promises';

/** How often and how long to wait. All in milliseconds. */
export interface RetryTimings {
  readonly firstWaitMs: number;
  readonly longestWaitMs: number;
}

/** What registries are given. */
export const RETRY_TIMINGS: RetryTimings = { firstWaitMs: 500, longestWaitMs: 60_000 };
/** First try included. */
export const MAX_TRIES = 5;

/** A failure that may pass: trying again makes sense. `error` is what to throw when it does not pass. */
export class TransientError extends Error {
  override readonly name = 'TransientError';
  readonly error: Error;
  /** What the server asked to wait, in milliseconds. */
  readonly retryAfterMs: number | undefined;

  constructor(error: Error, retryAfterMs?: number) {
    super(error.message, { cause: error });
    this.error = error;
    this.retryAfterMs = retryAfterMs;
  }
}

/**
 * Runs an action up to 5 times while it throws `TransientError`, with waits that double and are spread
 * at random, so that many clients do not come back in step.
 * @throws the error inside the last TransientError; anything else the action throws; the signal's reason
 */
export async function withRetries<T>(
  action: (attempt: number) => Promise<T>,
  signal: AbortSignal,
  { firstWaitMs, longestWaitMs }: RetryTimings = RETRY_TIMINGS,
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted();
    try {
      return await action(attempt);
    } catch (thrown) {
      if (!(thrown instanceof TransientError)) throw thrown;
      if (attempt >= MAX_TRIES) throw thrown.error;
      const spread = Math.random() * firstWaitMs * 2 ** (attempt - 1);
      const wait = Math.min(Math.max(spread, thrown.retryAfterMs ?? 0), longestWaitMs);
      await setTimeout(wait, undefined, { signal }).catch(() => signal.throwIfAborted());
    }
  }
}

/** Milliseconds of a Retry-After header: seconds or an HTTP date. `now` in milliseconds since 1970. */
export function parseRetryAfter(value: string | undefined, now: number): number | undefined {
  if (value === undefined) return undefined;
  if (/^\d{1,9}$/.test(value)) return Number(value) * 1000;
  // An HTTP date begins with the day's name; Date.parse would take much else for one.
  const date = /^[A-Z][a-z]{2}/.test(value) ? Date.parse(value) : Number.NaN;
  return Number.isNaN(date) ? undefined : Math.max(0, date - now);
}
