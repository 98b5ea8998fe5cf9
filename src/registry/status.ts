import type { TransientError } from '../http/retry.ts';
import { transientStatus } from '../http/status.ts';
import type { HttpResponse } from '../http/transport.ts';
import { registryRateLimited } from './errors.ts';

/** `error`, or that there were too many requests, for a retry when the status may pass; else undefined. */
export function passingFault(response: HttpResponse, error: Error): TransientError | undefined {
  const isLimited = response.status === 429;
  const { host } = response.url;
  return transientStatus(response, isLimited ? registryRateLimited(host, 'status 429') : error);
}
