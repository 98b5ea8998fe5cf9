import { parseRetryAfter, TransientError } from './retry.ts';
import type { HttpResponse } from './transport.ts';

const TRANSIENT: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);

/**
 * `error` wrapped for a retry when the status may pass, or undefined when it is final. A Retry-After
 * header is honoured.
 */
export function transientStatus(response: HttpResponse, error: Error): TransientError | undefined {
  if (!TRANSIENT.has(response.status)) return undefined;
  return new TransientError(error, parseRetryAfter(response.headers['retry-after'], Date.now()));
}
