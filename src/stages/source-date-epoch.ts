import { sourceDateEpochInvalid } from './errors.ts';
import type { Variables } from './planned-step.ts';

/** Name of the build argument, as the Reproducible Builds project defines it. */
export const SOURCE_DATE_EPOCH = 'SOURCE_DATE_EPOCH';
/** The last second that RFC 3339 can write: 9999-12-31T23:59:59Z. */
const MAX_SECONDS = 253_402_300_799;

/**
 * Seconds since 1970 that all times are held to: a build argument, else a global ARG of the
 * Dockerfile. Empty is none.
 * @throws BuildError SOURCE_DATE_EPOCH_INVALID
 */
export function sourceDateEpochOf(
  buildArgs: ReadonlyMap<string, string>,
  globals: Variables,
): number | undefined {
  const text = buildArgs.get(SOURCE_DATE_EPOCH) ?? globals.get(SOURCE_DATE_EPOCH) ?? '';
  if (text === '') return undefined;
  const seconds = /^-?\d+$/.test(text) ? Number(text) : Number.NaN;
  if (!(Math.abs(seconds) <= MAX_SECONDS)) throw sourceDateEpochInvalid(text);
  return seconds;
}
